"""Clients outside the region: one TCP connection each, opened once and kept.

At most one request is in flight; every reply is checked against a model. A lost connection is
counted and opened again, so that a run goes on and says how bad it was.
"""

import dataclasses
import threading
import time

from http_client import Http
from postgres_client import Postgres, QueryError
from redis_client import Redis, ReplyError
from wire import Connection, Lost, Malformed

PROTOCOLS = {"redis": Redis, "nginx": Http, "postgresql": Postgres}
# A guest that is silent for longer has lost its client.
PATIENCE_S = 60.0
PACE_S = 0.03
RETRY_S = 1.0


@dataclasses.dataclass
class Tally:
    replies: int = 0
    wrong: int = 0
    reconnects: int = 0
    gap_s_max: float = 0.0  # Longest time between two successive replies.
    first_wrong: str = ""


class Client(threading.Thread):
    """Its methods may be called from any thread. `netns` is the path of the network namespace that
    it lives in, None for the caller's."""

    def __init__(self, name, protocol, address, port, *, netns=None, pace_s=PACE_S,
                 patience_s=PATIENCE_S, retry_s=RETRY_S):
        super().__init__(name=name, daemon=True)
        self.protocol = protocol
        self.where = (address, port)
        self.netns = netns
        self.pace_s, self.patience_s, self.retry_s = pace_s, patience_s, retry_s
        self.opened = threading.Event()
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.result = Tally()
        self.times = []  # Of each reply, by the wall clock, ascending.
        # One clock that does not step, read as wall-clock time.
        self.offset = time.time() - time.monotonic()

    def tally(self):
        with self.lock:
            return dataclasses.replace(self.result)

    def reply_times(self):
        with self.lock:
            return list(self.times)

    def gap_around(self, stop, resume):
        """See gap_around() below."""
        return gap_around(self.reply_times(), stop, resume)

    def end(self, timeout_s=5.0):
        """Lets the request under way be answered, then closes."""
        self.ending.set()
        if self.is_alive():
            self.join(timeout_s)

    def run(self):
        connection = None
        while not self.ending.is_set():
            try:
                if connection is None:
                    connection = self._open()
                    self.opened.set()
                self._note(self.protocol.exchange(connection), connection)
            except (Lost, Malformed, ReplyError, QueryError) as error:
                if connection:
                    connection.close()
                connection = None
                self._broke(error)
                self.ending.wait(self.retry_s)
                continue
            self.ending.wait(self.pace_s)
        if connection:
            connection.close()

    def _open(self):
        connection = Connection(*self.where, self.patience_s, self.netns)
        try:
            self.protocol.greet(connection)
        except Exception:
            connection.close()
            raise
        return connection

    def _note(self, wrong, connection):
        now = time.monotonic() + self.offset
        if not wrong and not connection.idle():
            wrong = "more was replied than asked for"
        with self.lock:
            if self.times:
                self.result.gap_s_max = max(self.result.gap_s_max, now - self.times[-1])
            self.times.append(now)
            self.result.replies += 1
            if wrong:
                self.result.wrong += 1
                self.result.first_wrong = self.result.first_wrong or wrong

    def _broke(self, error):
        if not self.opened.is_set() or self.ending.is_set():
            return  # Not open yet, or nobody asks any more.
        self.protocol.lost()
        with self.lock:
            self.result.reconnects += 1
            if not isinstance(error, Lost):
                self.result.wrong += 1
            self.result.first_wrong = self.result.first_wrong or str(error)


def gap_around(times, stop, resume):
    """The longest time between two successive replies that overlaps [stop, resume], in seconds;
    None when there are no replies on both sides. `times` ascends."""
    if not times or times[0] > stop or times[-1] < resume:
        return None
    return max((b - a for a, b in zip(times, times[1:]) if a <= resume and b >= stop), default=0.0)
