"""The scenes: what is done, and what must be seen then. Each needs those before it.

The operator of the cloud (`godwit cloud price` and its like) sets prices and capacity where the
data's own events would take hours; what he does is printed.
"""

import time

from offers import cheaper_sound, describe, netns, pool, rate, usd
from services import client, spec
from story import Failed
from watch import Watch

# Of the pool's rate: a pool this much cheaper is worth a move by any sensible rule.
CHEAPER = 0.35
# Of the maximum: above what the planner's policy calls too near (leave_percent, 95), and still
# below where the cloud would end the instance or a guest would pay more than it agreed to.
NEAR_MAXIMUM = 0.97
# The notice is 120 s; the cloud then needs a moment.
NOTICE_LIMIT_S = 180
# Hours of the market in which nothing happens. The scenes crowd into minutes what a fleet sees in
# weeks, and each of them pays for two nodes for a while.
CALM_HOURS = 2


class Scenes(Watch):
    def __init__(self, product, story, record, services, images, store):
        """`images`: sha256 of each service's base image; `store`: the directory with them."""
        super().__init__(product, story, record, [s.guest for s in services])
        self.services, self.images, self.store = services, images, store
        self.hour_s = 0  # Seconds that an hour of the market takes; 0: no calm.
        self.touched = set()  # Pools whose price or capacity is no longer the data's.

    def operator(self, *words):
        self.story.say("the operator of the cloud: " + " ".join(words))
        self.product.cloud(*words)

    # The scenes, in their order.
    def start(self, _, until):
        for service in self.services:
            self.product.apply(spec(service, self.images[service.name]), self.store)
            self.story.say(f"applied group {service.name}: 1 guest of {service.memory_mib} MiB, "
                           f"at most ${service.max_usd} per hour")
        places, _, _ = self.await_running(until)
        offerings = self.product.offerings()
        self.record.see_offerings(offerings)
        for guest, node in places.items():
            self.story.say(f"{guest} runs on {describe(node)}")
            if not node["spot"]:
                raise Failed(f"{guest} is on on-demand capacity")
            if better := cheaper_sound(node, offerings):
                raise Failed(f"{guest} is on {describe(node)}, but {better} is cheaper")
        for service in self.services:
            one = client(service, self.product.place["public_address"],
                         netns(self.product.place))
            self.clients[service.guest] = one
            one.start()
        self.story.wait("clients are connected",
                        lambda: all(c.opened.is_set() for c in self.clients.values()), until)
        self.story.say(f"{len(self.clients)} clients outside, one TCP connection each, kept to "
                       "the end")
        self.await_replies(until)

    def cheaper(self, _, until):
        node, guests = self.busiest()
        since = self.last_move()
        # Where none of the fleet is: a pool that already holds its escape room saves nothing more.
        used = {pool(n) for n in self.product.nodes().values() if n["phase"] != "DEAD"}
        offerings = [o for o in self.product.offerings() if o["spot"] and pool(o) not in used
                     and o["instance_type"] == node["instance_type"]]
        if not offerings:
            raise Failed("there is no other pool of this type")
        target = pool(min(offerings, key=lambda o: (rate(o), pool(o))))
        self.touched.add(target)
        self.operator("price", target, usd(rate(node) * CHEAPER))
        self.await_moved(guests, ["cheaper"], since, lambda n: pool(n) == target, until)

    def calm(self):
        """Time of the market in which nothing happens, as most of a fleet's life: so that the bill
        is not one of escapes alone."""
        if not self.hour_s:
            return
        seconds = CALM_HOURS * self.hour_s
        self.story.say(f"{CALM_HOURS} hours of the market pass ({seconds} s)")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.story.look()
            time.sleep(self.story.poll_s)

    def notice(self, scene, until):
        node, guests = self.busiest()
        since = self.last_move()
        instance = self.instance_of(node)
        self.operator("reclaim", instance)
        self.await_moved(guests, ["notice"], since, lambda n: n["name"] != node["name"], until)
        self.story.say(f"{len(guests)} guests have left {node['name']}; the cloud will end it")
        self.story.later(scene, f"the cloud ends {instance}", lambda: self.gone(instance),
                         NOTICE_LIMIT_S)

    def price(self, _, until):
        node, guests = self.busiest()
        since = self.last_move()
        limit = self.maximum_rate(node, guests)
        self.touched.add(pool(node))
        self.story.say(f"their maximum is reached at ${limit:.4f} per hour of the node")
        self.operator("price", pool(node), usd(limit * NEAR_MAXIMUM))
        self.await_moved(guests, ["max-price"], since, lambda n: pool(n) != pool(node), until)

    def on_demand(self, scene, until):
        since = self.last_move()
        places, _, status = self.await_running(self._soon())
        guests = sorted(g for g, n in places.items() if n["spot"])
        if not guests:
            raise Failed("no guest is on spot")
        spot = [i["instance"] for i in status["instances"]
                if i["lifecycle"] == "spot" and i["state"] in ("pending", "running")]
        pools = sorted(f"{p['type']}/{p['zone']}" for p in status["pools"])
        self.touched.update(pools)
        self.story.say(f"the operator of the cloud: capacity 0 in all {len(pools)} pools")
        for one in pools:
            self.product.cloud("capacity", one, "0")
        self.await_moved(guests, ["capacity", "notice"], since, lambda n: not n["spot"], until)
        self.story.later(scene, "the cloud ends all spot instances",
                         lambda: self.all_gone(spot), NOTICE_LIMIT_S)

    def return_to_spot(self, _, until):
        places, _, _ = self.await_running(self._soon())
        since = self.last_move()
        guests = sorted(g for g, n in places.items() if not n["spot"])
        if not guests:
            raise Failed("no guest is on on-demand capacity")
        self.story.say("the operator of the cloud: capacity and prices are the data's again")
        for one in sorted(self.touched):
            self.product.cloud("capacity", one, "auto")
            self.product.cloud("price", one, "auto")
        self.touched.clear()
        self.await_moved(guests, ["return"], since, lambda n: n["spot"], until)

    def drain(self, _, until):
        node, guests = self.busiest()
        since = self.last_move()
        self.story.say(f"godwit drain {node['name']}")
        self.product.drain(node["name"])
        self.await_moved(guests, ["drain"], since, lambda n: n["name"] != node["name"], until)

    def maximum_rate(self, node, guests):
        """The node's rate at which a guest's share, or what the cloud was told, is the maximum."""
        shares = {g: int(v["share_micro_usd_per_hour"]) for g, v in self.product.guests().items()}
        maxima = {s.guest: float(s.max_usd) * 1e6 for s in self.services}
        if not all(shares.get(g) for g in guests):
            raise Failed(f"the shares of {', '.join(guests)} are not known")
        limits = [rate(node) * maxima[g] / shares[g] for g in guests]
        limits += [float(i["max_usd"]) for i in self.product.cloud_status()["instances"]
                   if i["address"] == node["address"] and "max_usd" in i]
        return min(limits)

    # Instances of the cloud.
    def instance_of(self, node):
        for instance in self.product.cloud_status()["instances"]:
            if instance["address"] == node["address"] and instance["state"] == "running":
                return instance["instance"]
        raise Failed(f"no instance has the address of {node['name']}, {node['address']}")

    def gone(self, instance):
        states = {i["instance"]: i["state"] for i in self.product.cloud_status()["instances"]}
        if states.get(instance, "terminated") == "terminated":
            return f"the cloud has ended {instance}"
        return None

    def all_gone(self, instances):
        return "the cloud has ended all spot instances" if all(
            self.gone(i) for i in instances) else None
