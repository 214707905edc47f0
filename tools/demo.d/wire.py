"""A blocking TCP connection for clients that ask one thing at a time."""

import os
import socket

LINE_MAX = 64 * 1024


class Lost(Exception):
    """The connection is gone, or a reply did not come in time."""


class Malformed(Exception):
    """What came is not the protocol; what follows cannot be understood any more."""


class Connection:
    """Reads exactly what is asked for. `patience_s` limits each wait for bytes."""

    def __init__(self, address, port, patience_s, netns=None):
        try:
            if netns:  # Of this thread alone; its sockets are made there.
                with open(netns, "rb") as there:
                    os.setns(there, os.CLONE_NEWNET)
            self.socket = socket.create_connection((address, port), timeout=patience_s)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Lost(f"{address}:{port}: {error}") from error
        self.rest = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Lost(str(error)) from error

    def _more(self):
        try:
            got = self.socket.recv(64 * 1024)
        except OSError as error:
            raise Lost(str(error)) from error
        if not got:
            raise Lost("closed by the other side")
        self.rest += got

    def read_exactly(self, count):
        while len(self.rest) < count:
            self._more()
        out, self.rest = self.rest[:count], self.rest[count:]
        return out

    def read_line(self):
        """Up to CR LF, without it."""
        while b"\r\n" not in self.rest:
            if len(self.rest) > LINE_MAX:
                raise Malformed("a line without an end")
            self._more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def idle(self):
        """Nothing came that was not asked for."""
        return not self.rest

    def close(self):
        self.socket.close()
