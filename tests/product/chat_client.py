# SPDX-License-Identifier: BSD-3-Clause
"""Clients of the chat server: one that speaks in plain lines, and one for each
of the server's filters."""

import codecs
import re
import socket
import struct

# How long anything that should happen may take, for sanitizers on a busy
# machine; reaching it is a failure.
LIMIT_S = 60


class Client:
    """One end of a connection, in lines."""

    def __init__(self, server, name=None, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(LIMIT_S)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_buffer)
        self.socket.connect(("127.0.0.1", server.port))
        self._bytes = b""
        if name:
            self.say("/nick " + name)
            self.skip_to("* %s is now %s" % (self.read_name(), name))

    # What goes over the wire is another's with a filter.
    @staticmethod
    def encode(data):
        return data

    def send(self, data):
        self.socket.sendall(self.encode(data))

    def receive(self):
        return self.socket.recv(1 << 16)

    def say(self, *lines):
        self.send("".join(line + "\n" for line in lines).encode())

    def line(self):
        """The next line; None at the end of the stream."""
        while b"\n" not in self._bytes:
            data = self.receive()
            if not data:
                if self._bytes:
                    raise AssertionError("half a line: %r" % self._bytes)
                return None
            self._bytes += data
        line, self._bytes = self._bytes.split(b"\n", 1)
        return line.decode()

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def rest(self):
        """All lines until the end of the stream."""
        return list(iter(self.line, None))

    def skip_to(self, wanted):
        """Reads up to this line; returns those before it."""
        before = []
        while True:
            line = self.line()
            if line == wanted:
                return before
            if line is None:
                raise AssertionError("no %r, but %r" % (wanted, before[-20:]))
            before.append(line)

    def read_name(self):
        """The name that the welcome gives us."""
        while True:
            match = re.match(r"\* welcome, (\w+);", self.line())
            if match:
                return match[1]

    def catch_up(self):
        """Reads all that the server had to say until now."""
        self.say("/mark")
        return self.skip_to("* no such command; /help lists them")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Rot13Client(Client):

    @staticmethod
    def turn(data):
        # Latin-1 has a letter for each byte; rot13 changes the English ones.
        return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")

    encode = turn

    def receive(self):
        return self.turn(super().receive())


class RecordClient(Client):

    def __init__(self, *arguments, **options):
        self._raw = b""
        super().__init__(*arguments, **options)

    @staticmethod
    def record(data):
        return struct.pack(">H", len(data)) + data

    @staticmethod
    def encode(data):
        return b"".join(RecordClient.record(data[i:i + 16384])
                        for i in range(0, len(data), 16384))

    def _receive_exactly(self, count):
        while len(self._raw) < count:
            data = super().receive()
            if not data:
                return None
            self._raw += data
        data, self._raw = self._raw[:count], self._raw[count:]
        return data

    def receive(self):
        head = self._receive_exactly(2)
        if head is None:
            if self._raw:
                raise AssertionError("half a record")
            return b""
        return self._receive_exactly(struct.unpack(">H", head)[0])


def client_for(flags):
    """The class that speaks to a server with these flags."""
    if "rot13" in flags:
        return Rot13Client
    return RecordClient if "record" in flags else Client
