// SPDX-License-Identifier: BSD-3-Clause
#include "trace/what_text.h"

#include <event2/bufferevent.h>
#include <gtest/gtest.h>

#include <string>

namespace evoke {
namespace {

std::string Text(evoke_point_source source, short what, size_t size = 100) {
  evoke_point point = {};
  point.source = source;
  point.what = what;
  char text[100];
  WhatText(point, text, size);
  return text;
}

TEST(WhatText, EventsTellTheirFlags) {
  EXPECT_EQ(Text(EVOKE_SOURCE_EVENT, EV_READ | EV_TIMEOUT), "TIMEOUT|READ");
  EXPECT_EQ(Text(EVOKE_SOURCE_EVENT, EV_CLOSED | EV_ET), "CLOSED|ET");
  EXPECT_EQ(Text(EVOKE_SOURCE_EVENT, 0), "event");
}

TEST(WhatText, BuffereventsTellTheirs) {
  EXPECT_EQ(
      Text(EVOKE_SOURCE_BUFFEREVENT_EVENT, BEV_EVENT_READING | BEV_EVENT_EOF),
      "READING|EOF");
  EXPECT_EQ(Text(EVOKE_SOURCE_BUFFEREVENT_READ, 0), "bufferevent read");
}

TEST(WhatText, IsCutWhereTheRoomEnds) {
  EXPECT_EQ(Text(EVOKE_SOURCE_EVENT, EV_READ | EV_TIMEOUT, 5), "TIME");
  EXPECT_EQ(Text(EVOKE_SOURCE_EVENT, EV_READ | EV_TIMEOUT, 9), "TIMEOUT|");
}

}  // namespace
}  // namespace evoke
