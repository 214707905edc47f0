"""The demo's clients against small true servers. Goal: nothing is called wrong that is right, and a
single wrong, missing or superfluous reply is counted. Method: servers that lie once, at each kind
of request; a server that carries out a request and hangs up; bytes that are no protocol."""

import socket
import time

import clients
import fake_servers
import http_client
import postgres_client
import pytest
import redis_client
from wire import Lost, Malformed


class Bytes:
    """A connection from which these bytes come."""

    def __init__(self, data):
        self.data = data

    def read_exactly(self, count):
        if len(self.data) < count:
            raise Lost("end")
        out, self.data = self.data[:count], self.data[count:]
        return out

    def read_line(self):
        if b"\r\n" not in self.data:
            raise Lost("end")
        out, self.data = self.data.split(b"\r\n", 1)
        return out


def run(server, protocol, replies, **settings):
    """A client until it has so many replies; its tally and itself."""
    client = clients.Client("c", protocol, "127.0.0.1", server.port, pace_s=0, retry_s=0.01,
                            **settings)
    client.start()
    limit = time.monotonic() + 30
    while client.tally().replies < replies and time.monotonic() < limit:
        time.sleep(0.005)
    client.end()
    server.close()
    return client.tally(), client


def start(name, lie=None):
    session = {"redis": fake_servers.redis, "nginx": fake_servers.http,
               "postgresql": fake_servers.postgres}[name]
    server = fake_servers.Server(session, lie)
    protocol = clients.PROTOCOLS[name]()
    if name == "nginx":
        server.keep["files"] = protocol.files
    return server, protocol


@pytest.mark.parametrize("name", clients.PROTOCOLS)
def test_true_replies_are_right(name):
    server, protocol = start(name)
    tally, client = run(server, protocol, 200)
    assert tally.first_wrong == ""
    assert (tally.wrong, tally.reconnects, server.connections) == (0, 0, 1)
    times = client.reply_times()
    assert len(times) == tally.replies >= 200 and times == sorted(times)
    assert tally.gap_s_max == pytest.approx(max(b - a for a, b in zip(times, times[1:])))


# Three requests are three kinds for redis, three paths for nginx; the tenth of PostgreSQL's is the
# question for the sum.
@pytest.mark.parametrize("name, lie", [("redis", 61), ("redis", 62), ("redis", 63),
                                       ("nginx", 40), ("nginx", 41),
                                       ("postgresql", 55), ("postgresql", 60)])
def test_one_wrong_reply_is_noticed(name, lie):
    server, protocol = start(name, lie)
    tally, _ = run(server, protocol, 150)
    assert tally.reconnects == 0
    assert tally.wrong == 1, tally.first_wrong
    assert tally.first_wrong


def test_a_lost_file_is_noticed():
    server, protocol = start("nginx")
    server.keep["files"] = {}
    tally, _ = run(server, protocol, 30)
    assert tally.wrong > 0 and "status 404" in tally.first_wrong


def test_lost_data_is_noticed():
    server, protocol = start("redis")
    client = clients.Client("c", protocol, "127.0.0.1", server.port, pace_s=0)
    client.start()
    while client.tally().replies < 100:
        time.sleep(0.005)
    server.keep.clear()  # As after a cold start.
    limit = time.monotonic() + 30
    while client.tally().wrong == 0 and time.monotonic() < limit:
        time.sleep(0.005)
    client.end()
    server.close()
    assert client.tally().wrong > 0


@pytest.mark.parametrize("drop", [4, 5, 6])
def test_an_unanswered_request_may_have_happened(drop):
    server = fake_servers.Server(fake_servers.redis_that_drops, drop=drop)
    tally, _ = run(server, redis_client.Redis(), 300)
    assert (tally.wrong, tally.reconnects) == (0, 1), tally.first_wrong
    assert server.connections == 2


def test_more_than_asked_for_is_wrong():
    def session(stream, _):
        stream.readline()
        while True:
            stream.write(b"+PONG\r\n" if not session.greeted else b"+OK\r\n+OK\r\n")
            session.greeted = True
            stream.flush()
            if not stream.read(1):
                return
    session.greeted = False
    tally, _ = run(fake_servers.Server(session), redis_client.Redis(), 2)
    assert tally.wrong > 0


def test_a_client_waits_for_its_server_without_counting():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # Nobody listens, and nobody else gets the port.
        client = clients.Client("c", redis_client.Redis(), *silent.getsockname(), retry_s=0.01)
        client.start()
        assert not client.opened.wait(0.2)
        client.end()
    assert client.tally() == clients.Tally()


@pytest.mark.parametrize("bad", [b"?\r\n", b"$x\r\n", b":1x\r\n", b"$-2\r\n", b"$3\r\nabcde",
                                 b"*9999\r\n", b"$99999999\r\n"])
def test_bad_redis_bytes(bad):
    with pytest.raises(Malformed):
        redis_client.read_reply(Bytes(bad))


def test_redis_replies():
    stream = Bytes(b"+OK\r\n:-3\r\n$-1\r\n$2\r\n\r\n\r\n*2\r\n:1\r\n$0\r\n\r\n")
    assert [redis_client.read_reply(stream) for _ in range(5)] == ["OK", -3, None, b"\r\n",
                                                                   [1, b""]]


@pytest.mark.parametrize("bad", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 x\r\n\r\n",
                                 b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
                                 b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"])
def test_bad_http_bytes(bad):
    with pytest.raises(Malformed):
        http_client.read_response(Bytes(bad))


def test_bad_postgres_bytes():
    with pytest.raises(Malformed):
        postgres_client.read_message(Bytes(b"\0\0\0\0\0"))
    with pytest.raises(Malformed):
        postgres_client.read_message(Bytes(b"D\x7f\0\0\0"))
    with pytest.raises(Malformed):
        postgres_client.read_until_ready(Bytes(fake_servers.message(b"D", b"\0\2\0\0\0\1a")))
    with pytest.raises(Malformed):  # It asks for a password.
        postgres_client.read_until_ready(Bytes(fake_servers.message(b"R", b"\0\0\0\3")))
    with pytest.raises(postgres_client.QueryError, match="42P01: no such table"):
        postgres_client.read_until_ready(
            Bytes(fake_servers.message(b"E", b"SERROR\0C42P01\0Mno such table\0\0") +
                  fake_servers.message(b"Z", b"I")))


def test_the_gap_around_a_move():
    times = [0.0, 0.1, 0.2, 1.2, 1.3, 9.0]
    assert clients.gap_around(times, 0.3, 1.1) == pytest.approx(1.0)
    assert clients.gap_around(times, 0.15, 0.16) == pytest.approx(0.1)
    assert clients.gap_around(times, 0.05, 1.25) == pytest.approx(1.0)
    assert clients.gap_around(times, 8.0, 9.5) is None
    assert clients.gap_around([], 0, 1) is None
