// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers against std::string: long random programs over three buffers, with
// chains of every kind, after each step of which contents, invariants, return
// values and what the callbacks were told must agree with the model.
#include <event2/buffer_compat.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

constexpr int kBuffers = 3;

class Model : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    for (int i = 0; i < kBuffers; ++i) {
      buffers_[i] = evbuffer_new();
      evbuffer_add_cb(buffers_[i], &Told, &told_[i]);
    }
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    file_text_ = RandomText(5000);
    file_ = FileWith(file_text_);
  }

  void TearDown() override {
    for (evbuffer* buffer : buffers_) evbuffer_free(buffer);
    EXPECT_EQ(releases_, references_);
    close(sockets_[0]);
    close(sockets_[1]);
    close(file_);
  }

  static void Told(evbuffer* buffer, const evbuffer_cb_info* info, void* arg) {
    auto* told = static_cast<size_t*>(arg);
    EXPECT_EQ(info->orig_size, *told);
    EXPECT_TRUE(info->n_added > 0 || info->n_deleted > 0);
    *told = info->orig_size + info->n_added - info->n_deleted;
    EXPECT_EQ(*told, evbuffer_get_length(buffer));
  }

  size_t Below(size_t limit) { return random_() % limit; }

  // Mostly small, now and then beyond a chain or a page.
  size_t Size() {
    switch (Below(8)) {
      case 0:
        return Below(20000);
      case 1:
        return Below(3000);
      case 2:
        return 0;
      default:
        return Below(100);
    }
  }

  std::string RandomText(size_t bytes) {
    static constexpr char kLetters[] = "abc\r\n";
    std::string text(bytes, '\0');
    for (char& c : text) c = kLetters[Below(5)];
    if (bytes > 0 && Below(4) == 0) text[Below(bytes)] = '\0';
    return text;
  }

  void Step();
  void Insert(evbuffer* b, std::string& m);
  void Extract(evbuffer* b, std::string& m);
  void Look(evbuffer* b, const std::string& m);
  void LookForLines(evbuffer* b, const std::string& m);
  void ReadLine(evbuffer* b, std::string& m);
  void Move(int from, int to);
  void ReserveAndCommit(evbuffer* b, std::string& m);
  void Transfer(evbuffer* b, std::string& m);

  std::mt19937 random_{static_cast<uint32_t>(GetParam())};
  evbuffer* buffers_[kBuffers];
  std::string models_[kBuffers];
  size_t told_[kBuffers] = {};
  int references_ = 0;
  int releases_ = 0;
  int sockets_[2];
  int file_;
  std::string file_text_;
};

void Model::Insert(evbuffer* b, std::string& m) {
  std::string text = RandomText(Size());
  switch (Below(8)) {
    case 0:
      ASSERT_EQ(evbuffer_prepend(b, text.data(), text.size()), 0);
      m = text + m;
      break;
    case 1:
      ++references_;
      ASSERT_EQ(AddReference(b, text, &releases_), 0);
      m += text;
      break;
    case 2: {
      text.resize(std::min<size_t>(text.size(), 200));
      text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
      ASSERT_EQ(evbuffer_add_printf(b, "<%s>", text.c_str()),
                static_cast<int>(text.size()) + 2);
      m += "<" + text + ">";
      break;
    }
    case 3: {
      size_t cut = text.empty() ? 0 : Below(text.size());
      evbuffer_iovec vec[2] = {{text.data(), cut},
                               {text.data() + cut, text.size() - cut}};
      ASSERT_EQ(evbuffer_add_iovec(b, vec, 2), text.size());
      m += text;
      break;
    }
    case 4: {
      size_t offset = Below(file_text_.size());
      size_t length = 1 + Below(file_text_.size() - offset);
      static constexpr unsigned kFlags[] = {0, EVBUF_FS_DISABLE_MMAP,
                                            EVBUF_FS_DISABLE_SENDFILE};
      evbuffer_file_segment* segment = evbuffer_file_segment_new(
          file_, 0, file_text_.size(), kFlags[Below(3)]);
      ASSERT_EQ(evbuffer_add_file_segment(b, segment, offset, length), 0);
      evbuffer_file_segment_free(segment);
      m += file_text_.substr(offset, length);
      break;
    }
    default:
      ASSERT_EQ(evbuffer_add(b, text.data(), text.size()), 0);
      m += text;
  }
}

void Model::Extract(evbuffer* b, std::string& m) {
  size_t bytes = Size();
  size_t there = std::min(bytes, m.size());
  if (Below(2) == 0) {
    ASSERT_EQ(evbuffer_drain(b, bytes), 0);
  } else {
    std::string out(bytes, '?');
    ASSERT_EQ(evbuffer_remove(b, out.data(), bytes), static_cast<int>(there));
    ASSERT_EQ(out.substr(0, there), m.substr(0, there));
  }
  m.erase(0, there);
}

void Model::Look(evbuffer* b, const std::string& m) {
  size_t from = Below(m.size() + 1);
  evbuffer_ptr start;
  ASSERT_EQ(evbuffer_ptr_set(b, &start, from / 2, EVBUFFER_PTR_SET), 0);
  ASSERT_EQ(evbuffer_ptr_set(b, &start, from - from / 2, EVBUFFER_PTR_ADD), 0);
  ASSERT_EQ(start.pos, static_cast<ev_ssize_t>(from));

  size_t bytes = Size();
  std::string out(bytes, '?');
  ev_ssize_t n = evbuffer_copyout_from(b, &start, out.data(), bytes);
  ASSERT_EQ(n, static_cast<ev_ssize_t>(std::min(bytes, m.size() - from)));
  ASSERT_EQ(out.substr(0, n), m.substr(from, n));

  std::vector<evbuffer_iovec> vec(64);
  int extents = evbuffer_peek(b, -1, &start, vec.data(), vec.size());
  std::string seen;
  for (int i = 0; i < extents; ++i) {
    seen.append(static_cast<char*>(vec[i].iov_base), vec[i].iov_len);
  }
  ASSERT_EQ(seen, m.substr(from, seen.size()));
  if (extents < 64) {
    ASSERT_EQ(seen.size(), m.size() - from);
  }

  std::string what = m.empty() ? "x" : m.substr(Below(m.size()), 1 + Below(40));
  if (Below(3) == 0) what += "?";
  size_t end_at = Below(m.size() + 1);
  evbuffer_ptr end;
  evbuffer_ptr_set(b, &end, end_at, EVBUFFER_PTR_SET);
  size_t expected = m.substr(0, end_at).find(what, from);
  if (from > end_at) expected = std::string::npos;
  evbuffer_ptr found =
      evbuffer_search_range(b, what.data(), what.size(), &start, &end);
  ASSERT_EQ(found.pos, static_cast<ev_ssize_t>(expected));
}

// The end of line at or behind `from` and its length, by the letter.
size_t EolByTheLetter(const std::string& m, size_t from, int style,
                      size_t* length) {
  *length = 0;
  for (size_t i = from; i < m.size(); ++i) {
    bool cr = m[i] == '\r', lf = m[i] == '\n';
    bool cr_lf = cr && i + 1 < m.size() && m[i + 1] == '\n';
    size_t n = 0;
    switch (style) {
      case EVBUFFER_EOL_ANY:
        if (cr || lf) {
          size_t end = m.find_first_not_of("\r\n", i);
          n = (end == std::string::npos ? m.size() : end) - i;
        }
        break;
      case EVBUFFER_EOL_CRLF:
        n = cr_lf ? 2 : lf ? 1 : 0;
        break;
      case EVBUFFER_EOL_CRLF_STRICT:
        n = cr_lf ? 2 : 0;
        break;
      case EVBUFFER_EOL_LF:
        n = lf ? 1 : 0;
        break;
      case EVBUFFER_EOL_NUL:
        n = m[i] == '\0' ? 1 : 0;
        break;
    }
    if (n > 0) {
      *length = n;
      return i;
    }
  }
  return std::string::npos;
}

void Model::LookForLines(evbuffer* b, const std::string& m) {
  auto style = static_cast<evbuffer_eol_style>(Below(5));
  size_t from = Below(m.size() + 1);
  evbuffer_ptr start;
  ASSERT_EQ(evbuffer_ptr_set(b, &start, from, EVBUFFER_PTR_SET), 0);
  size_t expected_length, length = 77;
  size_t expected = EolByTheLetter(m, from, style, &expected_length);
  evbuffer_ptr found = evbuffer_search_eol(b, &start, &length, style);
  ASSERT_EQ(found.pos, static_cast<ev_ssize_t>(expected));
  ASSERT_EQ(length, expected_length);
}

void Model::ReadLine(evbuffer* b, std::string& m) {
  auto style = static_cast<evbuffer_eol_style>(Below(5));
  size_t eol_length, n = 77;
  size_t eol = EolByTheLetter(m, 0, style, &eol_length);
  char* line = evbuffer_readln(b, &n, style);
  if (eol == std::string::npos) {
    ASSERT_EQ(line, nullptr);
    ASSERT_EQ(n, 0u);
    return;
  }
  ASSERT_NE(line, nullptr);
  ASSERT_EQ(std::string(line, n), m.substr(0, eol));
  ASSERT_EQ(line[n], '\0');
  free(line);
  m.erase(0, eol + eol_length);
}

void Model::Move(int from, int to) {
  evbuffer *a = buffers_[from], *b = buffers_[to];
  std::string &ma = models_[from], &mb = models_[to];
  switch (Below(4)) {
    case 0:
      ASSERT_EQ(evbuffer_add_buffer(b, a), 0);
      if (a == b) return;
      mb += ma;
      ma.clear();
      break;
    case 1:
      ASSERT_EQ(evbuffer_prepend_buffer(b, a), 0);
      if (a == b) return;
      mb = ma + mb;
      ma.clear();
      break;
    case 2: {
      if (ma.size() + mb.size() > 200000) return;
      int result = evbuffer_add_buffer_reference(b, a);
      // Parts of files and what is shared already are refused.
      if (result == 0) mb += ma;
      break;
    }
    case 3: {
      size_t bytes = Size();
      size_t moved = a == b ? 0 : std::min(bytes, ma.size());
      ASSERT_EQ(evbuffer_remove_buffer(a, b, bytes), static_cast<int>(moved));
      if (a == b) return;
      mb += ma.substr(0, moved);
      ma.erase(0, moved);
      break;
    }
  }
}

void Model::ReserveAndCommit(evbuffer* b, std::string& m) {
  if (Below(3) == 0) {
    ASSERT_EQ(evbuffer_expand(b, Size()), 0);
    return;
  }
  evbuffer_iovec vec[4];
  size_t bytes = 1 + Size();
  int n = evbuffer_reserve_space(b, bytes, vec, 1 + Below(4));
  ASSERT_GT(n, 0);
  size_t room = 0;
  std::string text;
  for (int i = 0; i < n; ++i) {
    room += vec[i].iov_len;
    vec[i].iov_len = Below(3) == 0 ? 0 : Below(vec[i].iov_len + 1);
    std::string part = RandomText(vec[i].iov_len);
    memcpy(vec[i].iov_base, part.data(), part.size());
    text += part;
  }
  ASSERT_GE(room, bytes);
  ASSERT_EQ(evbuffer_commit_space(b, vec, n), 0);
  m += text;
}

void Model::Transfer(evbuffer* b, std::string& m) {
  std::string out(70000, '?');
  switch (Below(3)) {
    case 0: {
      std::string text = RandomText(1 + Size());
      ASSERT_EQ(send(sockets_[0], text.data(), text.size(), 0),
                static_cast<ssize_t>(text.size()));
      ASSERT_EQ(evbuffer_read(b, sockets_[1], -1),
                static_cast<int>(text.size()));
      m += text;
      break;
    }
    case 1: {
      std::string text = RandomText(1 + Size());
      size_t limit = 1 + Size();
      ASSERT_EQ(send(sockets_[0], text.data(), text.size(), 0),
                static_cast<ssize_t>(text.size()));
      ssize_t n = BufferReadFd(b, sockets_[1], limit);
      ASSERT_EQ(n, static_cast<ssize_t>(std::min(limit, text.size())));
      m += text.substr(0, n);
      while (recv(sockets_[1], out.data(), out.size(), 0) > 0) continue;
      break;
    }
    case 2: {
      if (Below(2) == 0) {
        evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
      } else {
        evbuffer_clear_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
      }
      size_t limit = Size();
      int n = evbuffer_write_atmost(b, sockets_[1], limit);
      if (m.empty() || limit == 0) {
        ASSERT_EQ(n, -1);
        break;
      }
      ASSERT_GT(n, 0);
      ASSERT_LE(n, static_cast<int>(limit));
      ASSERT_EQ(recv(sockets_[0], out.data(), n, MSG_WAITALL), n);
      ASSERT_EQ(out.substr(0, n), m.substr(0, n));
      m.erase(0, n);
      break;
    }
  }
}

void Model::Step() {
  int i = Below(kBuffers);
  evbuffer* b = buffers_[i];
  std::string& m = models_[i];
  size_t what = Below(m.size() > 100000 ? 20 : 100);
  if (what < 20) {
    Extract(b, m);
  } else if (what < 30) {
    Look(b, m);
  } else if (what < 35) {
    LookForLines(b, m);
  } else if (what < 45) {
    ReadLine(b, m);
  } else if (what < 50 && !m.empty()) {
    size_t bytes = 1 + Below(m.size());
    auto* p = reinterpret_cast<char*>(evbuffer_pullup(b, bytes));
    ASSERT_NE(p, nullptr);
    ASSERT_EQ(std::string(p, bytes), m.substr(0, bytes));
    ASSERT_GE(evbuffer_get_contiguous_space(b), bytes);
  } else if (what < 62) {
    Move(i, Below(kBuffers));
  } else if (what < 70) {
    ReserveAndCommit(b, m);
  } else if (what < 75) {
    Transfer(b, m);
  } else {
    Insert(b, m);
  }
}

TEST_P(Model, AgreesAfterEveryStep) {
  for (int step = 0; step < 1500; ++step) {
    Step();
    if (HasFatalFailure()) break;
    for (int i = 0; i < kBuffers; ++i) {
      CheckInvariants(buffers_[i]);
      ASSERT_EQ(told_[i], models_[i].size()) << "step " << step;
      ASSERT_TRUE(Contents(buffers_[i]) == models_[i]) << "step " << step;
    }
    if (HasFatalFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::Range(0, 30));

}  // namespace
}  // namespace evoke
