#!/usr/bin/env python3
"""A pretended `godwit` for the tests of tools/demo.d: answers what the real command answers, in the
same JSON, from a state file (GODWIT_FAKE), and decides at once what a control plane would.

`faults` in the state make it misbehave: see the words in quotes below.
"""

import fcntl
import json
import os
import sys
import time

TYPE, ZONES = "m5.large", ("us-east-1a", "us-east-1b", "us-east-1c")
ON_DEMAND = 0.096


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + "Z"


def new_state(faults):
    return {"faults": faults, "guests": {}, "nodes": {}, "moves": [], "deleted": False,
            "prices": {z: 0.035 + i / 1000 for i, z in enumerate(ZONES)}, "data": {},
            "capacity": {z: None for z in ZONES}, "numbers": 0}


def next_number(s):
    s["numbers"] += 1
    return s["numbers"]


def launch(s, zone, spot):
    number = next_number(s)
    name = f"n-fake-{number}"
    s["nodes"][name] = {"zone": zone, "spot": spot, "address": f"10.0.1.{number}", "ends": None,
                        "instance": f"i-{number:017x}", "born": time.time()}
    return name


def node_in(s, zone, spot, but=()):
    for name, node in s["nodes"].items():
        if node["zone"] == zone and node["spot"] == spot and not node["ends"] and name not in but:
            return name
    return launch(s, zone, spot)


def best(s, but=()):
    """A node on the cheapest pool with capacity, else on-demand."""
    zones = [z for z in ZONES if s["capacity"][z] != 0]
    if not zones:
        return node_in(s, ZONES[0], False, but)
    return node_in(s, min(zones, key=lambda z: s["prices"][z]), True, but)


def move(s, guest, to, reason):
    if f"no {reason}" in s["faults"]:
        return
    now = time.time()
    s["moves"].append({
        "number": str(len(s["moves"]) + 1), "guest": guest, "reason": reason,
        "source": s["guests"][guest]["node"], "destination": to,
        "live": f"restart at {reason}" not in s["faults"], "state": "DONE",
        "began": stamp(now), "ended": stamp(now), "stopped_us": str(int(now * 1e6) - 50_000),
        "resumed_us": str(int(now * 1e6)), "bytes": "90000000", "bytes_while_stopped": "1000",
        "why": "", "total_ms": 2000.0, "downtime_ms": 50.0})
    s["guests"][guest]["node"] = to


def on_nodes(s, want):
    return [g for g, v in s["guests"].items() if want(s["nodes"][v["node"]])]


def end(s, name, after=0.3):
    if "never killed" not in s["faults"]:
        s["nodes"][name]["ends"] = s["nodes"][name]["ends"] or time.time() + after


def price(s, pool, usd):
    zone = pool.split("/")[1]
    s["data"].setdefault(zone, s["prices"][zone])
    before, s["prices"][zone] = s["prices"][zone], \
        s["data"][zone] if usd == "auto" else float(usd)
    if usd == "auto":
        return
    if s["prices"][zone] < before:
        for guest in on_nodes(s, lambda n: n["zone"] != zone and n["spot"]):
            move(s, guest, node_in(s, zone, True), "cheaper")
    else:
        others = [n for n, v in s["nodes"].items() if v["zone"] == zone]
        for guest in on_nodes(s, lambda n: n["zone"] == zone and n["spot"]):
            move(s, guest, best(s, others), "max-price")


def capacity(s, pool, count):
    zone = pool.split("/")[1]
    s["capacity"][zone] = None if count == "auto" else int(count)
    if count == "0":
        for guest in on_nodes(s, lambda n: n["zone"] == zone and n["spot"]):
            move(s, guest, best(s), "capacity")
        for name, node in s["nodes"].items():
            if node["zone"] == zone and node["spot"]:
                end(s, name)
    elif count == "auto":
        for guest in on_nodes(s, lambda n: not n["spot"]):
            move(s, guest, best(s), "return")


def reclaim(s, instance):
    name = next(n for n, v in s["nodes"].items() if v["instance"] == instance)
    for guest in on_nodes(s, lambda n: n is s["nodes"][name]):
        move(s, guest, best(s, [name]), "notice")
    end(s, name)


def alive(node):
    return not node["ends"] or node["ends"] > time.time()


def status(s):
    gone = s["deleted"]
    return {
        "ok": True, "time": stamp(time.time()),
        "pools": [{"type": TYPE, "zone": z, "usd": f"{s['prices'][z]:.6f}", "running": 0,
                   "capacity": "unlimited"} for z in ZONES],
        "instances": [{"instance": n["instance"], "type": TYPE, "zone": n["zone"],
                       "lifecycle": "spot" if n["spot"] else "on-demand",
                       "state": "running" if alive(n) and not gone else "terminated",
                       "address": n["address"], "max_usd": "0.096", "launched": stamp(n["born"])}
                      for n in s["nodes"].values()]}


def get(s, kind):
    if kind == "guests":
        return {"guests": [{
            "name": n, "group": n[:-2], "phase": "RUNNING", "node": v["node"], "moving_to": "",
            "address": "100.64.0.2", "generation": 1, "hop": 0, "memory_mib": v["memory_mib"],
            "container": {"state": "RUNNING", "runs": 1},
            "share_micro_usd_per_hour": "1000"} for n, v in s["guests"].items()], "version": "1"}
    if kind == "nodes":
        return {"nodes": [{
            "name": n, "phase": "READY", "attached": True, "address": v["address"],
            "zone": v["zone"], "instance_type": TYPE, "spot": v["spot"], "memory_mib": 3000,
            "rate_micro_usd_per_hour": str(int(
                (s["prices"][v["zone"]] if v["spot"] else ON_DEMAND) * 1e6)),
            "guests": []} for n, v in s["nodes"].items() if alive(v)], "version": "1"}
    if kind == "moves":
        return {"moves": s["moves"], "version": "1"}
    rows = [(z, spot) for z in ZONES for spot in (True, False)]
    return {"offerings": [{
        "cloud": "local", "region": "us-east-1", "zone": z, "instance_type": TYPE, "spot": spot,
        "rate_micro_usd_per_hour": str(int((s["prices"][z] if spot else ON_DEMAND) * 1e6)),
        "vcpus": 2, "memory_mib": 8192, "on_demand_micro_usd_per_hour": str(int(ON_DEMAND * 1e6)),
        "sound": s["capacity"][z] != 0 or not spot, "why": ""} for z, spot in rows]}


def apply(s, text):
    spec = dict(line.split(": ", 1) for line in text.splitlines())
    node = launch(s, ZONES[2], True) if "dear start" in s["faults"] else best(s)
    s["guests"][spec["name"] + "-1"] = {"node": node, "memory_mib": int(spec["memory_mib"])}
    return {}


def cloud(s, words):
    if words[0] == "price":
        price(s, words[1], words[2])
    elif words[0] == "capacity":
        capacity(s, words[1], words[2])
    elif words[0] == "reclaim":
        reclaim(s, words[1])
    elif words[0] == "bill":
        wrong = "wrong bill" in s["faults"]
        return {"ok": True, "items": [], "total_micro_usd": 4001 if wrong else 4000}
    return status(s)


def savings(s):
    dear = "dear" in s["faults"]
    items = [{"instance": n["instance"], "start": stamp(n["born"]), "end": stamp(time.time()),
              "cost_micro_usd": "1"} for n in s["nodes"].values()]
    return {"paid_micro_usd": "4000", "on_demand_micro_usd": "3999" if dear else "9000",
            "saving_micro_usd": "5000", "on_demand_of": "1 m5.large", "items": items}


def answer(s, words, text=None):
    if words[0] == "up":
        return {"server": "127.0.0.1:1", "credentials": "/none", "cloud_socket": "/none",
                "public_address": "127.0.0.1", "dir": words[2]}
    if words[:2] == ["image", "import"]:
        return "a" * 64
    if words[0] == "cloud":
        return cloud(s, words[1:])
    if words[0] == "down":
        s["down"] = True
        return {}
    words = words[4:]  # --server X --credentials Y
    if words[0] == "get":
        return get(s, words[1])
    if words[0] == "apply":
        return apply(s, text or sys.stdin.read())
    if words[0] == "drain":
        for guest in on_nodes(s, lambda n: n is s["nodes"][words[1]]):
            move(s, guest, best(s, [words[1]]), "drain")
        return {}
    if words[0] == "delete":
        s["deleted"] = True
        return {}
    if words[0] == "savings":
        return savings(s)
    raise SystemExit(f"fake godwit: no {words}")


def main():
    with open(os.environ["GODWIT_FAKE"], "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = json.load(file)
        said = answer(state, sys.argv[1:])
        file.seek(0)
        file.truncate()
        json.dump(state, file)
    print(said if isinstance(said, str) else json.dumps(said))


if __name__ == "__main__":
    main()
