// SPDX-License-Identifier: BSD-3-Clause
#include "trace/trace_file.h"

#include <errno.h>
#include <event2/event.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace evoke {
namespace {

constexpr char kHead[] = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";

std::string g_logged;

// What a child found, as its exit status.
int StatusOf(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

class TraceFileTest : public ::testing::Test {
 protected:
  TraceFileTest() {
    const char* directory = getenv("TEST_TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/trace." +
            std::to_string(getpid());
    g_logged.clear();
    event_set_log_callback([](int, const char* line) { g_logged += line; });
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

// To cut a file that is mapped would be the end of who writes it.
TEST_F(TraceFileTest, AChildsOwnTraceDoesNotTakeItsParentsFile) {
  TraceFile* file = Open();
  // More than a page, so that a file that was cut has a hole here.
  std::string record = "{\"parent\":\"" + std::string(10000, 'x') + "\"}";
  EXPECT_TRUE(Append(file, record));
  pid_t child = fork();
  if (child == 0) {
    bool refused = Open() == nullptr && errno == EWOULDBLOCK;
    bool told = g_logged.find("another process writes it") != g_logged.npos &&
                g_logged.find("%p") != g_logged.npos;
    std::string own = path_ + ".%p";
    TraceFile* second = TraceFile::Open(own.c_str(), 1 << 20);
    bool wrote = second != nullptr && Append(second, "{}");
    if (second != nullptr) {
      unlink(second->path());
      TraceFile::Unref(second);
    }
    _exit(refused && told && wrote ? 0 : 1);
  }
  EXPECT_EQ(StatusOf(child), 0);
  EXPECT_TRUE(Append(file, record));
  EXPECT_TRUE(Contents() ==
              std::string(kHead) + "\n" + record + ",\n" + record + "\n]}\n");
  TraceFile::Unref(file);
}

TEST_F(TraceFileTest, AnotherNameOfTheFileIsNoWayAroundTheLock) {
  TraceFile* file = Open();
  size_t slash = path_.rfind('/');
  std::string other = path_.substr(0, slash) + "/." + path_.substr(slash);
  EXPECT_EQ(TraceFile::Open(other.c_str(), 1 << 20), nullptr);
  EXPECT_EQ(errno, EWOULDBLOCK);
  EXPECT_TRUE(Append(file, "{}"));
  TraceFile::Unref(file);
  file = TraceFile::Open(other.c_str(), 1 << 20);
  EXPECT_NE(file, nullptr);
  TraceFile::Unref(file);
}

TEST_F(TraceFileTest, AChildThatLivesOnKeepsNobodyFromTheFile) {
  // Whoever is left without a parent becomes ours, to be waited for.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int begun[2], hold[2];
  ASSERT_EQ(pipe(begun), 0);
  ASSERT_EQ(pipe(hold), 0);
  pid_t writer = fork();
  if (writer == 0) {
    TraceFile* file = Open();
    Append(file, "{\"writer\":1}");
    if (fork() == 0) {
      close(hold[1]);
      char byte = 0;
      if (write(begun[1], "x", 1) == 1) byte = read(hold[0], &byte, 1) != 0;
      // A daemon, whose parent is gone: the name is free for it as well.
      TraceFile* again = Open();
      _exit(byte == 0 && again != nullptr ? 0 : 1);
    }
    char byte;
    if (read(begun[0], &byte, 1) == 1) raise(SIGKILL);
    _exit(1);
  }
  EXPECT_NE(StatusOf(writer), 0);
  EXPECT_EQ(Contents(), std::string(kHead) + "\n{\"writer\":1}\n]}\n");
  TraceFile* file = Open();
  ASSERT_NE(file, nullptr) << g_logged;
  TraceFile::Unref(file);
  close(hold[1]);
  EXPECT_EQ(StatusOf(-1), 0);
  for (int fd : {begun[0], begun[1], hold[0]}) close(fd);
}

TEST_F(TraceFileTest, WhatIsClosedCanBeMadeAnewWhateverAChildHolds) {
  int hold[2];
  ASSERT_EQ(pipe(hold), 0);
  TraceFile* file = Open();
  pid_t child = fork();
  if (child == 0) {
    close(hold[1]);
    char byte;
    _exit(static_cast<int>(read(hold[0], &byte, 1)));
  }
  TraceFile::Unref(file);
  file = Open();
  EXPECT_NE(file, nullptr) << g_logged;
  TraceFile::Unref(file);
  close(hold[1]);
  EXPECT_EQ(StatusOf(child), 0);
  close(hold[0]);
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
