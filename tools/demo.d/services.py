"""What the demo runs: one group per service, and how a client reaches it."""

import dataclasses

from clients import PROTOCOLS, Client


@dataclasses.dataclass(frozen=True)
class Service:
    name: str  # Of the group, the image and the client's protocol.
    port: int
    memory_mib: int
    max_usd: str  # The most to pay for a guest's share of a node per hour of the market.

    @property
    def guest(self):
        return f"{self.name}-1"


# Memory: at these sizes tests/demo/images_test.cc starts and moves them. The maximum: a guest with
# one of a large type's two vCPUs pays half the node's rate, 0.017 to 0.02 on the data's spot pools
# and 0.0425 or more on demand; this is between the two.
REDIS = Service("redis", 6379, 128, "0.0300")
NGINX = Service("nginx", 8080, 128, "0.0300")
POSTGRESQL = Service("postgresql", 5432, 192, "0.0300")
FAST, FULL = (REDIS, NGINX), (REDIS, NGINX, POSTGRESQL)


def spec(service, sha256):
    """The group's spec file. Command, environment, user and directory come from the image."""
    return f"""name: {service.name}
count: 1
image: {sha256}
memory_mib: {service.memory_mib}
vcpus: 1
ports: [{{port: {service.port}, published: {service.port}}}]
maximum_price: {service.max_usd}
"""


def client(service, address, netns):
    return Client(service.guest, PROTOCOLS[service.name](), address, service.port, netns=netns)
