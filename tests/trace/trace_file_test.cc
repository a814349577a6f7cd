// SPDX-License-Identifier: BSD-3-Clause
#include "trace/trace_file.h"

#include <errno.h>
#include <event2/event.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace evoke {
namespace {

constexpr char kHead[] = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";

class TraceFileTest : public ::testing::Test {
 protected:
  TraceFileTest() {
    const char* directory = getenv("TEST_TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/trace." +
            std::to_string(getpid());
    event_set_log_callback([](int, const char*) {});
  }
  ~TraceFileTest() override {
    unlink(path_.c_str());
    event_set_log_callback(nullptr);
  }

  // Without the spaces at the end.
  std::string Contents() {
    std::ifstream file(path_);
    std::ostringstream text;
    text << file.rdbuf();
    std::string all = text.str();
    size_t end = all.find_last_not_of(' ');
    return end == std::string::npos ? "" : all.substr(0, end + 1);
  }
  static bool Append(TraceFile* file, const std::string& record) {
    return file->Append(record.data(), record.size());
  }
  TraceFile* Open(size_t limit_bytes = 1 << 22) {
    return TraceFile::Open(path_.c_str(), limit_bytes);
  }

  std::string path_;
};

TEST_F(TraceFileTest, IsAWholeDocumentAfterEachRecord) {
  TraceFile* file = Open();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(Contents(), std::string(kHead) + "\n]}\n");
  EXPECT_TRUE(Append(file, "{\"a\":1}"));
  EXPECT_EQ(Contents(), std::string(kHead) + "\n{\"a\":1}\n]}\n");
  EXPECT_TRUE(Append(file, "{\"b\":2}"));
  EXPECT_EQ(Contents(), std::string(kHead) + "\n{\"a\":1},\n{\"b\":2}\n]}\n");
  TraceFile::Unref(file);
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(static_cast<size_t>(status.st_size), Contents().size());
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(TraceFileTest, OneNameIsOneFile) {
  TraceFile* file = Open();
  TraceFile* again = Open();
  EXPECT_EQ(file, again);
  EXPECT_EQ(file->NextWriter(), 1);
  EXPECT_EQ(again->NextWriter(), 2);
  TraceFile::Unref(again);
  EXPECT_TRUE(Append(file, "{}"));
  TraceFile::Unref(file);
}

TEST_F(TraceFileTest, StopsAtItsLimit) {
  TraceFile* file = Open(3 << 20);
  std::string record(100000, ' ');
  record.front() = '{';
  record.back() = '}';
  int written = 0;
  while (Append(file, record)) ++written;
  EXPECT_EQ(written, (3 << 20) / 100003);
  EXPECT_FALSE(Append(file, "{}"));
  TraceFile::Unref(file);
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_LE(status.st_size, 3 << 20);
  std::string text = Contents();
  EXPECT_EQ(text.substr(text.size() - 5), "}\n]}\n");
}

TEST_F(TraceFileTest, SurvivesTheProcess) {
  pid_t child = fork();
  if (child == 0) {
    TraceFile* file = Open();
    Append(file, "{\"last\":1}");
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(Contents(), std::string(kHead) + "\n{\"last\":1}\n]}\n");
}

TEST_F(TraceFileTest, AForksChildDoesNotWriteIt) {
  TraceFile* file = Open();
  pid_t child = fork();
  if (child == 0) {
    bool wrote = Append(file, "{\"child\":1}");
    TraceFile::Unref(file);
    _exit(wrote);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(Append(file, "{\"parent\":1}"));
  EXPECT_EQ(Contents(), std::string(kHead) + "\n{\"parent\":1}\n]}\n");
  TraceFile::Unref(file);
}

TEST_F(TraceFileTest, TheProcessNumberCanBeInTheName) {
  std::string plain = path_;
  path_ = plain.substr(0, plain.rfind('.')) + ".%p";
  TraceFile* file = Open();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(plain, file->path());
  TraceFile::Unref(file);
  path_ = plain;
}

TEST_F(TraceFileTest, WhatCannotBeMadeIsAnError) {
  EXPECT_EQ(TraceFile::Open("/nowhere/trace", 1 << 20), nullptr);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(TraceFile::Open(std::string(5000, 'x').c_str(), 1 << 20), nullptr);
  EXPECT_EQ(errno, ENAMETOOLONG);
  // A link may lead to where somebody else wants to have it.
  ASSERT_EQ(symlink("/tmp/elsewhere", path_.c_str()), 0);
  EXPECT_EQ(Open(), nullptr);
  EXPECT_EQ(errno, ELOOP);
}

}  // namespace
}  // namespace evoke
