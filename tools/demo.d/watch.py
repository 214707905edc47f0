"""Looking at the fleet, and waiting for what should be seen of it."""

import time
from collections import Counter

from offers import describe
from result import moves_of
from story import Failed

# Clients go on after a move: so many replies each.
REPLIES_AFTER = 20
# Within this all guests are at rest again after what came before.
SETTLE_S = 60


class Watch:
    def __init__(self, product, story, record, wanted):
        """`wanted`: the names of the guests that are to run."""
        self.product, self.story, self.record = product, story, record
        self.wanted = wanted
        self.clients = {}  # By guest.

    # What is there now. Everything seen is recorded.
    def look(self):
        status = self.product.cloud_status()
        guests, nodes = self.product.guests(), self.product.nodes()
        self.record.see_status(status)
        self.record.see_nodes(nodes, status)
        self.record.see_guests(guests)
        return guests, nodes, status

    def running(self):
        """({guest: its node}, nodes, status) if all run and are at rest, else None."""
        guests, nodes, status = self.look()
        places = {}
        for name in self.wanted:
            guest = guests.get(name)
            if not guest or guest["phase"] != "RUNNING" or guest["node"] not in nodes:
                return None
            if guest.get("container", {}).get("state") != "RUNNING":
                return None
            places[name] = nodes[guest["node"]]
        return places, nodes, status

    def await_running(self, until):
        return self.story.wait("all guests run", self.running, until)

    def last_move(self):
        return max((int(m["number"]) for m in self.product.moves()), default=0)

    def await_moved(self, guests, reasons, since, where, until):
        """Waits until each of `guests` runs on a node of which where(node) holds. The last move of
        each is live and has one of the reasons. Clients have had replies since."""
        def all_there():
            now = self.running()
            return now if now and all(where(now[0][g]) for g in guests) else None

        what = f"{', '.join(guests)} moved ({' or '.join(reasons)})"
        places, nodes, status = self.story.wait(what, all_there, until)
        made = self.story.wait(what + " and told so", lambda: self._told(guests, since), until)
        for guest in guests:
            move = made[guest]
            pause = move["downtime_ms"]
            self.story.say(f"{guest}: {move['source']} -> {describe(places[guest])}, "
                           f"{move['mechanism']}, reason {move['reason']}"
                           f"{'' if pause is None else f', paused {pause:.0f} ms'}")
            if move["reason"] not in reasons:
                raise Failed(f"{guest} moved for the reason {move['reason']}")
            if move["mechanism"] != "live":
                raise Failed(f"{guest} was restarted")
        self.await_replies(until)
        return places, nodes, status

    def _told(self, guests, since):
        fresh = [m for m in self.product.moves() if int(m["number"]) > since]
        last = {m["guest"]: m for m in moves_of(fresh)}
        return last if all(g in last for g in guests) else None

    def await_replies(self, until):
        before = {n: c.tally().replies for n, c in self.clients.items()}
        self.story.wait("clients are answered", lambda: all(
            c.tally().replies >= before[n] + REPLIES_AFTER for n, c in self.clients.items()), until)

    def busiest(self):
        """(node, guests on it): the one with the most of our guests."""
        places, _, _ = self.await_running(self._soon())
        counts = Counter(node["name"] for node in places.values())
        name = max(sorted(counts), key=counts.get)
        node = next(n for n in places.values() if n["name"] == name)
        return node, sorted(g for g, n in places.items() if n["name"] == name)

    def _soon(self):
        return time.monotonic() + SETTLE_S * self.story.pace
