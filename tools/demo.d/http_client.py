"""nginx: HTTP/1.1 on one connection that is kept, and files whose bytes are known."""

import pathlib

from wire import Malformed

SITE = pathlib.Path(__file__).resolve().parent.parent / "images.d/nginx/files/srv/www"
HEADERS_MAX, BODY_MAX = 100, 1 << 20


def read_response(connection, head=False):
    """(status, headers by lower-case name, body). Only bodies with a Content-Length."""
    words = connection.read_line().split(b" ", 2)
    if len(words) < 2 or words[0] != b"HTTP/1.1" or not words[1].isdigit():
        raise Malformed(f"no status line: {b' '.join(words)[:60]!r}")
    headers = {}
    while line := connection.read_line():
        name, colon, value = line.partition(b":")
        if not colon or len(headers) >= HEADERS_MAX:
            raise Malformed(f"no header: {line[:60]!r}")
        headers[name.strip().lower().decode("ascii", "replace")] = value.strip().decode(
            "latin-1")
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > BODY_MAX:
        raise Malformed(f"content-length: {length!r}")
    return int(words[1]), headers, b"" if head else connection.read_exactly(int(length))


class Http:
    """GETs each file in turn, and one that is not there."""

    def __init__(self, site=SITE, host="godwit.example"):
        self.files = {f"/{p.relative_to(site)}": p.read_bytes()
                      for p in sorted(pathlib.Path(site).rglob("*")) if p.is_file()}
        self.paths = [*self.files, "/missing"]
        self.host = host
        self.number = 0

    def greet(self, connection):
        """The server speaks when it is asked."""

    def lost(self):
        """A GET changes nothing."""

    def exchange(self, connection):
        path = self.paths[self.number % len(self.paths)]
        self.number += 1
        connection.send(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        status, headers, body = read_response(connection)
        if headers.get("connection", "").lower() == "close":
            return f"GET {path}: the server closes the connection"
        if path not in self.files:
            return None if status == 404 else f"GET {path}: status {status}"
        if status != 200:
            return f"GET {path}: status {status}"
        if body != self.files[path]:
            return f"GET {path}: {len(body)} bytes that are not the file's"
        return None
