// SPDX-License-Identifier: BSD-3-Clause
#include "trace/what_text.h"

#include <event2/bufferevent.h>
#include <stdio.h>

namespace evoke {

namespace {

struct Flag {
  short flag;
  const char* name;
};

constexpr Flag kEventFlags[] = {
    {EV_TIMEOUT, "TIMEOUT"}, {EV_READ, "READ"},        {EV_WRITE, "WRITE"},
    {EV_SIGNAL, "SIGNAL"},   {EV_CLOSED, "CLOSED"},    {EV_ET, "ET"},
    {EV_PERSIST, "PERSIST"}, {EV_FINALIZE, "FINALIZE"}};

constexpr Flag kBuffereventFlags[] = {
    {BEV_EVENT_READING, "READING"}, {BEV_EVENT_WRITING, "WRITING"},
    {BEV_EVENT_EOF, "EOF"},         {BEV_EVENT_ERROR, "ERROR"},
    {BEV_EVENT_TIMEOUT, "TIMEOUT"}, {BEV_EVENT_CONNECTED, "CONNECTED"}};

template <size_t n>
void Join(const Flag (&flags)[n], short what, char* text, size_t size) {
  size_t length = 0;
  text[0] = '\0';
  for (const Flag& flag : flags) {
    if (!(what & flag.flag) || length + 1 >= size) continue;
    int wrote = snprintf(text + length, size - length, "%s%s",
                         length > 0 ? "|" : "", flag.name);
    length += wrote > 0 ? static_cast<size_t>(wrote) : 0;
  }
}

}  // namespace

const char* SourceText(evoke_point_source source) {
  switch (source) {
    case EVOKE_SOURCE_EVENT:
      return "event";
    case EVOKE_SOURCE_SIGNAL:
      return "signal";
    case EVOKE_SOURCE_DEFERRED:
      return "deferred";
    case EVOKE_SOURCE_FINALIZER:
      return "finalizer";
    case EVOKE_SOURCE_BUFFEREVENT_READ:
      return "bufferevent read";
    case EVOKE_SOURCE_BUFFEREVENT_WRITE:
      return "bufferevent write";
    case EVOKE_SOURCE_BUFFEREVENT_EVENT:
      return "bufferevent event";
    case EVOKE_SOURCE_LISTENER:
      return "listener";
    case EVOKE_SOURCE_WATCHER:
      return "watcher";
  }
  return "?";
}

void WhatText(const evoke_point& point, char* text, size_t size) {
  if (point.source == EVOKE_SOURCE_BUFFEREVENT_EVENT) {
    Join(kBuffereventFlags, point.what, text, size);
  } else {
    Join(kEventFlags, point.what, text, size);
  }
  if (text[0] == '\0') snprintf(text, size, "%s", SourceText(point.source));
}

}  // namespace evoke
