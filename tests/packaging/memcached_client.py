#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# memcached_client.py SOCKET: stores values of 0 bytes to 512 KiB in the
# memcached that listens there, over several connections, reads them back over
# others, and compares what the server counted.
import socket
import sys

CONNECTIONS = 8
SIZES = [0, 1, 63, 64, 4095, 4096, 4097, 65536, 524288]


def connect(path):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(60)
    client.connect(path)
    return client, client.makefile("rb")


def value(key):
    return bytes((key * 31 + i) & 0xFF for i in range(256)) * (SIZES[key % len(SIZES)] // 256 + 1)


def expect(got, wanted):
    if got != wanted:
        sys.exit("got %r in place of %r" % (got[:80], wanted[:80]))


def main(path):
    clients = [connect(path) for _ in range(CONNECTIONS)]
    keys = range(CONNECTIONS * len(SIZES))
    # All requests of a connection go out before the first answer is read.
    for key in keys:
        data = value(key)[: SIZES[key % len(SIZES)]]
        request = b"set key%d 0 0 %d\r\n%s\r\n" % (key, len(data), data)
        clients[key % CONNECTIONS][0].sendall(request)
    for key in keys:
        expect(clients[key % CONNECTIONS][1].readline(), b"STORED\r\n")
    for key in keys:
        data = value(key)[: SIZES[key % len(SIZES)]]
        client, answers = clients[(key + 1) % CONNECTIONS]
        client.sendall(b"get key%d\r\n" % key)
        expect(answers.readline(), b"VALUE key%d 0 %d\r\n" % (key, len(data)))
        expect(answers.read(len(data) + 2), data + b"\r\n")
        expect(answers.readline(), b"END\r\n")
    client, answers = clients[0]
    client.sendall(b"stats\r\n")
    counted = {}
    for line in iter(answers.readline, b"END\r\n"):
        _, name, number = line.split(maxsplit=2)
        counted[name.decode()] = number.strip().decode()
    for name, number in [("cmd_set", len(keys)), ("get_hits", len(keys)), ("get_misses", 0)]:
        expect(counted[name], str(number))
    print("memcached %s on libevent %s" % (counted["version"], counted["libevent"]))


main(sys.argv[1])
