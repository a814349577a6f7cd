# SPDX-License-Identifier: BSD-3-Clause
#
# Compiler flags that evoke's targets need wherever they are built, also from
# another workspace. Warnings and sanitizers are the workspace's choice and
# live in .bazelrc.

# For the library's own sources (util, backends, event, buffer, bufferevent,
# listener): it links against libc alone, so nothing may need libstdc++.
EVOKE_COPTS = [
    "-std=c++20",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-semantic-interposition",
    # A thread's variable is read without a call into the dynamic loader. The
    # few bytes fit into what glibc keeps free for libraries that come late.
    "-ftls-model=initial-exec",
] + select({
    # Bazel's toolchain keeps frame pointers, at the price of a register and two
    # instructions a function; debuggers and profilers unwind by .eh_frame.
    "//tools:optimised": ["-fomit-frame-pointer"],
    "//conditions:default": [],
})

# For tests, tools, benchmarks and examples in C++.
EVOKE_CXX_COPTS = ["-std=c++20"]

# For examples and tests in C.
EVOKE_C_COPTS = ["-std=gnu11"]
