"""Small true servers that the demo's clients speak to; each can be told to lie once."""

import socket
import struct
import threading


class Server:
    """Answers `session(stream, server)` on a free port of 127.0.0.1; a connection a thread.
    `lie` names the request from which on, once, `session` answers wrongly: see there."""

    def __init__(self, session, lie=None, drop=None):
        self.session, self.lie, self.drop = session, lie, drop
        self.connections = 0
        self.requests = 0
        self.keep = {}  # What the server remembers over connections.
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            with peer, peer.makefile("rwb") as stream:
                self.session(stream, self)
        except (OSError, EOFError, ValueError, struct.error):
            return

    def lies_now(self):
        """Counts a request; whether this one is answered wrongly."""
        self.requests += 1
        return self.lie is not None and self.requests == self.lie

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # Wakes the thread that accepts.
        self.listener.close()


def line(stream):
    text = stream.readline()
    if not text.endswith(b"\r\n"):
        raise EOFError
    return text[:-2]


def redis(stream, server):
    while True:
        words = []
        for _ in range(int(line(stream)[1:])):
            size = int(line(stream)[1:])
            words.append(stream.read(size + 2)[:-2])
        lie = words[0] != b"PING" and server.lies_now()
        if words[0] == b"PING":
            stream.write(b"+PONG\r\n")
        elif words[0] == b"SET":
            if not lie:
                server.keep[words[1]] = words[2]
            stream.write(b"-ERR no\r\n" if lie else b"+OK\r\n")
        elif words[0] == b"INCR":
            value = int(server.keep.get(words[1], b"0")) + 1
            server.keep[words[1]] = b"%d" % value
            stream.write(b":%d\r\n" % (value + lie))
        else:
            value = b"stale" if lie else server.keep.get(words[1])
            stream.write(b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value))
        stream.flush()


def redis_that_drops(stream, server):
    """Carries out one request without an answer, and hangs up."""
    real = stream.write

    def write(data):
        if server.drop is not None and server.requests == server.drop:
            server.drop = None
            raise EOFError
        return real(data)

    class Cut:
        def __getattr__(self, name):
            return write if name == "write" else getattr(stream, name)

    redis(Cut(), server)


def http(stream, server):
    while True:
        path = line(stream).split()[1].decode()
        while line(stream):
            pass
        files = server.keep["files"]
        body = files.get(path, b"not found")
        status = b"200 OK" if path in files else b"404 Not Found"
        if server.lies_now():
            body = body[:-1] + b"?"
        stream.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%s" %
                     (status, len(body), body))
        stream.flush()


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def postgres(stream, server):
    (size,) = struct.unpack("!i", stream.read(4))
    stream.read(size - 4)
    stream.write(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))
    stream.flush()
    rows = server.keep.setdefault("rows", [])
    while True:
        kind = stream.read(1)
        (size,) = struct.unpack("!i", stream.read(4))
        text = stream.read(size - 4)[:-1].decode()
        assert kind == b"Q"
        if text.startswith("INSERT"):
            value = int(text[text.index("(") + 1:-1])
            if server.lies_now():
                stream.write(message(b"E", b"SERROR\0C53100\0Mdisk full\0\0"))
            else:
                rows.append(value)
                stream.write(message(b"C", b"INSERT 0 1\0"))
        elif text.startswith("SELECT"):
            lie = server.lies_now()
            fields = [str(len(rows) - lie).encode(), str(sum(rows)).encode()]
            stream.write(message(b"D", struct.pack("!h", 2) + b"".join(
                struct.pack("!i", len(f)) + f for f in fields)) + message(b"C", b"SELECT 1\0"))
        else:
            stream.write(message(b"C", b"CREATE TABLE\0"))
        stream.write(message(b"Z", b"I"))
        stream.flush()
