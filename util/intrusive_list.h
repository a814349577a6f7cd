// SPDX-License-Identifier: BSD-3-Clause
//
// Lists whose links live in the elements: nothing is allocated, and an element
// leaves in O(1) without knowing its list's neighbours.
//
// Two forms, told apart by what an element must carry. Both take the member
// that holds the links as a template argument, and both fit the link structs
// inside libevent's public `struct event` (TAILQ_ENTRY and LIST_ENTRY), whose
// layout is fixed.
#ifndef EVOKE_UTIL_INTRUSIVE_LIST_H_
#define EVOKE_UTIL_INTRUSIVE_LIST_H_

#include <stddef.h>

namespace evoke {

// Links for elements of our own (the public structs have theirs).
template <typename T>
struct QueueLink {
  T* tqe_next;
  T** tqe_prev;
};

// First in, first out; head and tail in O(1). `Links(element)` gives the
// element's link struct, with fields tqe_next and tqe_prev.
template <typename T, auto Links>
class Queue {
 public:
  Queue() = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  bool empty() const { return first_ == nullptr; }
  T* front() const { return first_; }
  static T* Next(T* element) { return Links(element).tqe_next; }

  void PushBack(T* element) {
    Links(element).tqe_next = nullptr;
    Links(element).tqe_prev = last_;
    *last_ = element;
    last_ = &Links(element).tqe_next;
  }

  // Puts `element` before `other`, which is in this queue.
  void InsertBefore(T* other, T* element) {
    Links(element).tqe_prev = Links(other).tqe_prev;
    Links(element).tqe_next = other;
    *Links(other).tqe_prev = element;
    Links(other).tqe_prev = &Links(element).tqe_next;
  }

  // Puts `element` behind `other`, which is in this queue.
  void InsertAfter(T* other, T* element) {
    T* next = Links(other).tqe_next;
    if (next == nullptr) {
      PushBack(element);
    } else {
      InsertBefore(next, element);
    }
  }

  T* back() const { return empty() ? nullptr : ElementOf(last_, first_); }

  // The one before `element`, which is in this queue, or nullptr.
  T* Previous(T* element) const {
    T** link = Links(element).tqe_prev;
    return link == &first_ ? nullptr : ElementOf(link, element);
  }

  // REQUIRES: `element` is in this queue.
  void Remove(T* element) {
    T* next = Links(element).tqe_next;
    if (next != nullptr) {
      Links(next).tqe_prev = Links(element).tqe_prev;
    } else {
      last_ = Links(element).tqe_prev;
    }
    *Links(element).tqe_prev = next;
  }

  // Moves all of `other` behind what is here.
  void TakeAll(Queue& other) {
    if (other.empty()) return;
    *last_ = other.first_;
    Links(other.first_).tqe_prev = last_;
    last_ = other.last_;
    other.first_ = nullptr;
    other.last_ = &other.first_;
  }

 private:
  // The element whose tqe_next is `link`. The links lie at the same place in
  // every element, so `sample` tells how far in, and tqe_next is their first
  // member.
  static T* ElementOf(T** link, T* sample) {
    auto* bytes = reinterpret_cast<char*>(link);
    ptrdiff_t offset = reinterpret_cast<char*>(&Links(sample)) -
                       reinterpret_cast<char*>(sample);
    return reinterpret_cast<T*>(bytes - offset);
  }

  T* first_ = nullptr;
  T** last_ = &first_;
};

// Last in, first out, one pointer for a head. `Links(element)` has fields
// le_next and le_prev. Static functions on a plain pointer, so that heads can
// live in arrays that realloc() moves; Rebase() mends the one back link then.
template <typename T, auto Links>
struct Stack {
  static void Push(T** head, T* element) {
    Links(element).le_next = *head;
    Links(element).le_prev = head;
    if (*head != nullptr) Links(*head).le_prev = &Links(element).le_next;
    *head = element;
  }

  static void Remove(T* element) {
    T* next = Links(element).le_next;
    if (next != nullptr) Links(next).le_prev = Links(element).le_prev;
    *Links(element).le_prev = next;
  }

  static T* Next(T* element) { return Links(element).le_next; }

  static void Rebase(T** head) {
    if (*head != nullptr) Links(*head).le_prev = head;
  }
};

}  // namespace evoke

#endif  // EVOKE_UTIL_INTRUSIVE_LIST_H_
