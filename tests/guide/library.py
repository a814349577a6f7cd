#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the library by the compiler alone, and installs it.

    library.py TREE OBJECTS PREFIX SOUND_TREE SOUND_OBJECTS

Only what differs from the sound tree is compiled anew, into OBJECTS.
"""

import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys

LAYERS = ("util", "trace", "backends", "event", "buffer", "bufferevent",
          "listener")
PTHREADS = "util/pthreads.cc"
CXX = ["g++", "-std=c++20", "-fno-exceptions", "-fno-rtti",
       "-fno-threadsafe-statics", "-fPIC", "-O0", "-g"]


def checked(command, **more):
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, **more)
    if result.returncode != 0:
        raise AssertionError("%s:\n%s" % (" ".join(command), result.stdout))
    return result.stdout


def files(tree, ending):
    return sorted(os.path.relpath(path, tree) for layer in LAYERS for path in
                  glob.glob(os.path.join(tree, layer, "**", "*" + ending),
                            recursive=True))


def read(tree, name):
    with open(os.path.join(tree, name), encoding="utf-8") as file:
        return file.read()


def affected(tree, sound_tree):
    """The sources that differ, or that include what differs."""
    sources, headers = files(tree, ".cc"), files(tree, ".h")
    changed = {name for name in sources + headers
               if read(tree, name) != read(sound_tree, name)}
    includes = {name: set(re.findall('#include "([^"]+)"', read(tree, name)))
                for name in sources + headers}
    while True:
        more = {name for name in includes
                if includes[name] & changed} - changed
        if not more:
            return [name for name in sources if name in changed]
        changed |= more


def object_of(directory, source):
    return os.path.join(directory, source.replace("/", "-") + ".o")


def compile_all(tree, names, objects):
    os.makedirs(objects, exist_ok=True)

    def compile_one(name):
        checked(CXX + ["-I" + tree, "-I" + os.path.join(tree, "include"), "-c",
                       os.path.join(tree, name), "-o",
                       object_of(objects, name)])
    # No more than a test should take of a machine.
    workers = min(2, len(os.sched_getaffinity(0)))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(compile_one, names))


def install(tree, objects, prefix, sound_tree=None, sound_objects=None):
    sources = files(tree, ".cc")
    anew = affected(tree, sound_tree) if sound_tree else sources
    compile_all(tree, anew, objects)
    used = {name: object_of(objects if name in anew else sound_objects, name)
            for name in sources}
    lib = os.path.join(prefix, "lib")
    os.makedirs(lib, exist_ok=True)
    shutil.copytree(os.path.join(tree, "include"),
                    os.path.join(prefix, "include"), dirs_exist_ok=True)
    core = [used[name] for name in sources if name != PTHREADS]
    for name, what in (("event_core", core), ("event_pthreads",
                                              [used[PTHREADS]])):
        checked(["g++", "-shared", *what, "-pthread", "-o",
                 os.path.join(lib, "lib%s.so" % name)])


if __name__ == "__main__":
    install(*sys.argv[1:])
