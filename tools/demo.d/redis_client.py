"""Redis: RESP, and a model of what the server holds."""

import random

from wire import Malformed

KEYS, COUNTERS = 40, 4
BULK_MAX = 1 << 20


class ReplyError(Exception):
    """An error that the server replied."""


def encode(*words):
    parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def integer(text):
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit():
        raise Malformed(f"no number: {text[:40]!r}")
    return int(text)


def read_reply(connection):
    """str for a status, bytes or None for a bulk string, int, list; ReplyError."""
    line = connection.read_line()
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest.decode("ascii", "replace")
    if kind == b"-":
        raise ReplyError(rest.decode("ascii", "replace"))
    if kind == b":":
        return integer(rest)
    if kind == b"$":
        size = integer(rest)
        if size == -1:
            return None
        if not 0 <= size <= BULK_MAX:
            raise Malformed(f"a string of {size} bytes")
        body = connection.read_exactly(size + 2)
        if body[-2:] != b"\r\n":
            raise Malformed("a string that does not end where it said")
        return body[:-2]
    if kind == b"*":
        count = integer(rest)
        if not 0 <= count <= 1024:
            raise Malformed(f"a list of {count}")
        return [read_reply(connection) for _ in range(count)]
    raise Malformed(f"no reply: {line[:40]!r}")


class Redis:
    """SET, GET, INCR on a few keys. The model maps a key to the values it may have: one, but for
    a key whose last change was not answered, which may have happened or not."""

    def __init__(self, seed=1):
        self.random = random.Random(seed)
        self.model = {}
        self.pending = None  # (key, the values it has if the request was carried out)
        self.number = 0

    def greet(self, connection):
        connection.send(encode("PING"))
        if (reply := read_reply(connection)) != "PONG":
            raise Malformed(f"PING answered {reply!r}")

    def lost(self):
        """The request under way was not answered."""
        if self.pending:
            key, after = self.pending
            self.model[key] = self.model.get(key, {None}) | after
            self.pending = None

    def _choose(self):
        self.number += 1
        what = self.number % 3
        if what == 0:
            key = f"counter:{self.random.randrange(COUNTERS)}"
            after = {b"%d" % (int(v or 0) + 1) for v in self.model.get(key, {None})}
            return ("INCR", key), after
        key = f"key:{self.random.randrange(KEYS)}"
        if what == 1:
            value = b"%d:%d" % (self.number, self.random.getrandbits(256))
            return ("SET", key, value), {value}
        return ("GET", key), None

    def exchange(self, connection):
        """One request and its reply; what is wrong with it, or None."""
        words, after = self._choose()
        key = words[1]
        before = self.model.get(key, {None})
        self.pending = (key, after) if after else None
        connection.send(encode(*words))
        try:
            reply = read_reply(connection)
        except ReplyError as error:
            self.lost()
            return f"{words[0]} {key}: {error}"
        self.pending = None
        got = b"%d" % reply if isinstance(reply, int) else reply
        if words[0] == "GET":
            after = before & {reply}  # Settles what was in doubt; a wrong reply changes nothing.
        right = reply == "OK" if words[0] == "SET" else got in (after or before)
        if not right:
            self.model[key] = before | after  # Carried out or not.
            return f"{words[0]} {key}: {got!r} instead of {before if words[0] == 'GET' else after}"
        self.model[key] = {got} if words[0] != "SET" else after
        return None
