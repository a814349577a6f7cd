#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sets many values in a memcached and reads them back, through libmemcached.

    memcached_driver.py PORT VALUES CONNECTIONS

The values are what their numbers say: most have less than a kilobyte, some
many, the largest is one MiB. One connection in two speaks the binary protocol. Eight
threads, so that all of memcached's are busy. Fails at the first value that is
not what was set.
"""

import random
import sys
import threading

import pylibmc

THREADS = 8
LARGEST = 1 << 20
BATCH = 10
# How long libmemcached waits for an answer; its own 5 s pass on a busy machine.
PATIENCE_MS = 60000

NOISE = random.Random(4).randbytes(2 * LARGEST)


def size_of(number):
    """0 to 1 MiB; 100,000 of them are about 140 MB."""
    if number in (0, 1):
        return (0, LARGEST)[number]
    chance = random.Random(number)
    limit = chance.choices((1 << 10, 1 << 14, 1 << 17, LARGEST),
                           (9200, 740, 50, 5))[0]
    return chance.randrange(limit + 1)


def value_of(number):
    start = number * 31 % LARGEST
    return NOISE[start:start + size_of(number)]


def run(port, numbers, binary, failures):
    """All of one thread's values, taking turns over its connections."""
    try:
        clients = [pylibmc.Client(["127.0.0.1:%d" % port], binary=is_binary,
                                  behaviors={"connect_timeout": PATIENCE_MS,
                                             "_poll_timeout": PATIENCE_MS})
                   for is_binary in binary]
        for turn, number in enumerate(numbers):
            client = clients[turn % len(clients)]
            if not client.set("key%d" % number, value_of(number)):
                raise ValueError("value %d was not stored" % number)
        # Read on another connection than it was set on; in batches, which
        # libmemcached sends without waiting.
        for turn, first in enumerate(range(0, len(numbers), BATCH)):
            client = clients[(turn * 7 + 3) % len(clients)]
            batch = numbers[first:first + BATCH]
            got = client.get_multi(["key%d" % number for number in batch])
            for number in batch:
                if got.get("key%d" % number) != value_of(number):
                    raise ValueError("value %d came back otherwise" % number)
    except Exception as error:
        failures.append(error)


def main():
    port, values, connections = map(int, sys.argv[1:])
    failures = []
    threads = [
        threading.Thread(target=run, args=(
            port, range(i, values, THREADS),
            [c % 2 == 1 for c in range(connections // THREADS)], failures))
        for i in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("memcached_driver: %d threads failed, the first: %r"
                 % (len(failures), failures[0]))


if __name__ == "__main__":
    main()
