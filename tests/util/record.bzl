# SPDX-License-Identifier: BSD-3-Clause

def record_test(name, deps):
    """NAME_record.c must print the same with evoke and with libevent.

    Args:
      name: what it is about; the test is called NAME_record_test.
      deps: our library, in place of libevent's core.
    """
    src = name + "_record.c"
    native.cc_binary(
        name = name + "_record_evoke",
        testonly = True,
        srcs = [src],
        deps = deps,
    )
    native.cc_binary(
        name = name + "_record_libevent",
        testonly = True,
        srcs = [src],
        deps = ["@libevent_debian//:event_core"],
    )
    native.sh_test(
        name = name + "_record_test",
        size = "small",
        srcs = ["//tests/util:same_output_test.sh"],
        args = [
            "$(rootpath :%s_record_evoke)" % name,
            "$(rootpath :%s_record_libevent)" % name,
        ],
        data = [
            ":%s_record_evoke" % name,
            ":%s_record_libevent" % name,
        ],
    )
