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


# Sizes at which tests/demo/images_test.cc starts and moves them. The maximum is above every spot
# price of the data's pools for a guest of this size, and below on-demand.
REDIS = Service("redis", 6379, 128, "0.0030")
NGINX = Service("nginx", 8080, 128, "0.0030")
POSTGRESQL = Service("postgresql", 5432, 192, "0.0045")
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
