"""What was seen of a run, for the page: prices, nodes, where each guest was, what happened."""

import time


class Record:
    """All times are seconds since the epoch. `market` has, by pool, the prices as they changed."""

    def __init__(self, now=time.time):
        self.now = now
        self.began = now()
        self.prices = {}  # "TYPE/ZONE": [[time, USD]], when it changed.
        self.on_demand = {}  # TYPE: USD, from the offerings.
        self.nodes = {}  # By name: type, zone, spot, instance, seen first and last.
        self.places = {}  # Guest: [[time, node]], as first seen and after each move.
        self.scenes = []  # name, from, until, happened.

    def see_status(self, status):
        for pool in status["pools"]:
            series = self.prices.setdefault(f"{pool['type']}/{pool['zone']}", [])
            usd = float(pool["usd"])
            if not series or series[-1][1] != usd:
                series.append([self.now(), usd])

    def see_nodes(self, nodes, status):
        instances = {i["address"]: i["instance"] for i in status["instances"]}
        for name, node in nodes.items():
            known = self.nodes.setdefault(name, {"seen_first": self.now()})
            known.update(type=node["instance_type"], zone=node["zone"], spot=node["spot"],
                         seen_last=self.now())
            if node["address"] in instances:
                known.setdefault("instance", instances[node["address"]])

    def see_offerings(self, offerings):
        for offering in offerings:
            rate = int(offering["on_demand_micro_usd_per_hour"]) / 1e6
            if rate:
                self.on_demand[offering["instance_type"]] = rate

    def see_guests(self, guests):
        for name, guest in guests.items():
            if guest["node"] and guest["phase"] in ("RUNNING", "MOVING"):
                self.places.setdefault(name, [[self.now(), guest["node"]]])

    def add_moves(self, moves):
        """Moves tell more exactly than looking now and then."""
        for name, places in self.places.items():
            del places[1:]
            places += [[m["resume"], m["destination"]] for m in moves
                       if m["guest"] == name and m.get("resume")]

    def as_json(self):
        return {"began": self.began, "ended": self.now(), "prices": self.prices,
                "on_demand": self.on_demand, "nodes": self.nodes, "places": self.places,
                "scenes": self.scenes}
