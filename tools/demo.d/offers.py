"""Pools, rates and offerings in words."""


def pool(thing):
    return f"{thing['instance_type']}/{thing['zone']}"


def rate(thing):
    """USD per hour of a node or an offering."""
    return int(thing["rate_micro_usd_per_hour"]) / 1e6


def usd(value):
    return f"{value:.6f}"


def describe(node):
    kind = "spot" if node["spot"] else "on-demand"
    return (f"{node['name']} ({node['instance_type']} in {node['zone']}, {kind}, "
            f"${rate(node):.4f}/h)")


def cheaper_sound(node, offerings):
    """A sound spot offering that costs less than the node both by itself and by its memory."""
    own = [o for o in offerings if o["spot"] and pool(o) == pool(node)]
    memory = own[0]["memory_mib"] if own else node["memory_mib"]
    for o in offerings:
        if o["spot"] and o["sound"] and rate(o) < rate(node) * 0.999 and \
                rate(o) / o["memory_mib"] < rate(node) / memory * 0.999:
            return f"{pool(o)} at ${rate(o):.4f}/h"
    return None


def netns(place):
    name = place.get("outside_namespace")
    return f"/run/netns/{name}" if name else None
