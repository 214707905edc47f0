"""PostgreSQL: as much of protocol version 3 as simple queries of a trusted user need.

https://www.postgresql.org/docs/17/protocol-flow.html and protocol-message-formats.html
"""

import struct

from wire import Malformed

MESSAGE_MAX = 1 << 20
TABLE = "godwit_demo"


class QueryError(Exception):
    """An error that the server replied."""


def startup(user, database):
    body = struct.pack("!i", 196608)
    for word in ("user", user, "database", database, "application_name", "demo"):
        body += word.encode() + b"\0"
    body += b"\0"
    return struct.pack("!i", len(body) + 4) + body


def query(text):
    body = text.encode() + b"\0"
    return b"Q" + struct.pack("!i", len(body) + 4) + body


def read_message(connection):
    head = connection.read_exactly(5)
    (size,) = struct.unpack("!i", head[1:])
    if not head[:1].isalpha() or not 4 <= size <= MESSAGE_MAX:
        raise Malformed(f"no message: {head!r}")
    return head[:1], connection.read_exactly(size - 4)


def read_row(body):
    (count,) = struct.unpack_from("!h", body)
    fields, at = [], 2
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        fields.append(None if size < 0 else body[at:at + size].decode())
        at += max(size, 0)
    if at != len(body):
        raise Malformed("a row longer than its fields")
    return fields


def error_text(body):
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return f"{fields.get(b'C', '?')}: {fields.get(b'M', '?')}"


def read_until_ready(connection):
    """(rows, command tags) up to ReadyForQuery; QueryError after it."""
    rows, tags, failure = [], [], None
    while True:
        kind, body = read_message(connection)
        try:
            if kind == b"D":
                rows.append(read_row(body))
            elif kind == b"C":
                tags.append(body.rstrip(b"\0").decode())
            elif kind == b"E":
                failure = error_text(body)
                if failure.startswith("57P"):  # Shut down: there will be no ReadyForQuery.
                    raise QueryError(failure)
            elif kind == b"R" and body != struct.pack("!i", 0):
                raise Malformed("the server asks for a password")
            elif kind == b"Z":
                break
        except (struct.error, UnicodeDecodeError) as error:
            raise Malformed(f"message {kind!r}: {error}") from error
    if failure:
        raise QueryError(failure)
    return rows, tags


class Postgres:
    """Inserts numbers; every tenth query asks for their count and sum. The model holds the pairs
    that the table may have: one, but for an insert that was not answered."""

    def __init__(self, user="postgres", database="postgres"):
        self.user, self.database = user, database
        self.number = 0
        self.model = {(0, 0)}
        self.pending = None
        self.made = False

    def greet(self, connection):
        connection.send(startup(self.user, self.database))
        read_until_ready(connection)
        if not self.made:
            connection.send(query(f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} (n bigint)"))
            read_until_ready(connection)
            self.made = True

    def lost(self):
        if self.pending:
            self.model |= self._after(self.pending)
            self.pending = None

    def _after(self, value):
        return {(count + 1, total + value) for count, total in self.model}

    def exchange(self, connection):
        self.number += 1
        try:
            if self.number % 10 == 0:
                return self._compare(connection)
            value = self.number * 7919 % 1000003
            self.pending = value
            connection.send(query(f"INSERT INTO {TABLE} VALUES ({value})"))
            _, tags = read_until_ready(connection)
        except QueryError as error:
            self.pending = None
            return str(error)
        self.pending = None
        if tags != ["INSERT 0 1"]:
            return f"INSERT: {tags}"
        self.model = self._after(value)
        return None

    def _compare(self, connection):
        connection.send(query(f"SELECT count(*), coalesce(sum(n), 0) FROM {TABLE}"))
        rows, _ = read_until_ready(connection)
        if len(rows) != 1 or not all(str(f).isdigit() for f in rows[0]) or len(rows[0]) != 2:
            return f"SELECT: {rows}"
        got = (int(rows[0][0]), int(rows[0][1]))
        if got not in self.model:  # A wrong reply changes no model.
            return f"SELECT: {got} instead of {self.model}"
        self.model = {got}
        return None
