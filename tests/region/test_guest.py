"""What is inside a guest, on real instances of the local cloud. Goal: its log is whole through
moves and an agent's death, as its user reads it; and it reaches nothing of the infrastructure.
Method: a group of two guests with a static program that counts aloud and that tries to connect."""

import os
import re
import signal
import subprocess
import sys

import pytest
from stage import NEEDS, NEEDS_PROGRAM, Region, until

from product import ProductError  # noqa: E402

MOVES = 5 if os.environ.get("GODWIT_ALL") else 3
# At 1,000 a second it still counts when the last move is done.
LINES = MOVES * 25_000

HOST = "10.0.200.10"  # Control plane, gateway, join, artifacts.
HOST_PORTS = {7002: "control plane", 7003: "gateway's control", 7004: "join", 7005: "artifacts"}
METADATA = "169.254.169.254"
OUTSIDE = "198.51.100.2"
AGENT_PORT = 7001

pytestmark = [pytest.mark.slow, NEEDS, NEEDS_PROGRAM]


class AppRegion(Region):
    def __init__(self, folder):
        super().__init__(folder)
        self.image = self.import_app(folder)

    def apply(self):
        self.product.apply(f"""name: app
count: 2
image: {self.image}
command: [/bin/app, serve, "{LINES}", "1000"]
memory_mib: 128
spread: node
restart: never
maximum_price: 0.0300
""", self.place["images"])

    def apart(self):
        """The two guests on two nodes: where they are."""
        theirs = self.node_of("app-2")
        if self.node_of("app-1") == theirs:
            self.move("app-1", self.another_node(theirs))
        return self.node_of("app-1"), theirs

    def agents(self, instance):
        found = self.exec(instance, "pgrep", "-f", "godwit agent --join").stdout.split()
        return [int(pid) for pid in found]

    def reach(self, guest, address, ports):
        """What each port of the address answers to the guest."""
        said = self.product.ask("exec", guest, "--", "/bin/app", "reach", address, *map(str, ports))
        return {int(port): what for port, what in
                re.findall(rf"^{re.escape(address)} (\d+) (.*)$", said, re.MULTILINE)}

    def reach_from_node(self, instance, address, port):
        done = self.exec(instance, "timeout", "3", "bash", "-c",
                         f"exec 3<>/dev/tcp/{address}/{port}")
        return done.returncode == 0

    def listening(self, instance):
        """TCP ports that something listens on in the instance."""
        table = self.exec(instance, "cat", "/proc/net/tcp").stdout
        return {int(line.split()[1].split(":")[1], 16) for line in table.splitlines()[1:]
                if line.split()[3] == "0A"}


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    region = AppRegion(tmp_path_factory.mktemp("region"))
    region.apply()
    until("both run", lambda: region.runs("app-1") and region.runs("app-2"), 240)
    yield region
    region.end()


def test_its_log_is_whole_through_moves_and_an_agents_death(region):
    for number in range(MOVES):
        other = region.another_node(region.node_of("app-1"))
        region.move("app-1", other)
        if number == 0:
            instance = region.instance_of(other)
            before = region.agents(instance)
            assert region.exec(instance, "pkill", "-9", "-f", "godwit agent --join").returncode == 0
            until("its agent is back", lambda b=before, i=instance: [
                a for a in region.agents(i) if a not in b])
    log = region.product.ask("logs", "app-1").splitlines()
    assert log and log[-1] != f"line {LINES}", "it had ended before the last move"

    def whole():
        try:
            said = region.product.ask("logs", "app-1").splitlines()
        except ProductError:
            return None
        return said if said and said[-1] == f"line {LINES}" else None
    said = until("its last line", whole, 240)
    assert said == [f"line {i}" for i in range(1, LINES + 1)]
    moves = [m for m in region.product.moves() if m["guest"] == "app-1" and m.get("live")]
    assert len(moves) >= MOVES, moves
    print(f"{len(said)} lines, each once and in order, over {len(moves)} moves")


@pytest.fixture
def listener(region):
    """A server outside, where guests may connect."""
    server = subprocess.Popen(
        ["nsenter", f"--net={region.outside}", sys.executable, "-c",
         "import socket, time\ns = socket.create_server(('198.51.100.2', 7777))\n"
         "print('up', flush=True)\nwhile True: s.accept()[0].close()"],
        stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "up\n"
    yield 7777
    server.kill()
    server.wait()


def assert_unreached(answers, address):
    """Nothing of the target came back. Who is on the way may say that there is no way."""
    assert answers, address
    assert set(answers.values()) <= {"silent", "No route to host"}, (address, answers)


def test_it_reaches_nothing_of_the_infrastructure(region, listener):
    nodes = region.product.nodes()
    own, other = region.apart()
    instance = region.instance_of(own)
    addresses = {n: nodes[n]["address"] for n in (own, other)}
    targets = {METADATA: [80], HOST: list(HOST_PORTS),
               **{address: [AGENT_PORT] for address in addresses.values()}}
    # There is something that could answer: it answers the node.
    for address, ports in targets.items():
        for port in ports:
            assert region.reach_from_node(instance, address, port), (address, port)
    for address, ports in targets.items():
        assert_unreached(region.reach("app-1", address, ports), address)
    # What is allowed is so at the same time.
    assert region.reach("app-1", OUTSIDE, [listener]) == {listener: "open"}


def test_it_reaches_no_port_of_a_migration(region):
    source, target = region.apart()
    at_source, at_target = region.instance_of(source), region.instance_of(target)
    address = region.product.nodes()[target]["address"]
    before = region.listening(at_target)
    region.product.ask("migrate", "app-1", "--to", target)
    # The destination waits for a stream as long as the source's agent stands still.
    until("a second QEMU", lambda: int(
        region.exec(at_target, "pgrep", "-c", "qemu").stdout or 0) > 1, 60)
    stopped = region.agents(at_source)
    for pid in stopped:
        region.exec(at_source, "kill", f"-{signal.SIGSTOP.value}", str(pid))
    try:
        opened = until("its ports", lambda: region.listening(at_target) - before, 30)
        assert region.reach("app-2", address, sorted(opened)) == dict.fromkeys(opened, "silent")
        still = region.listening(at_target) & opened
        assert still, "they were closed meanwhile"
        # The other node, which is a peer, gets through.
        assert any(region.reach_from_node(at_source, address, port) for port in still)
        print(f"ports of the migration: {sorted(opened)}, {sorted(still)} still open")
    finally:
        for pid in stopped:
            region.exec(at_source, "kill", f"-{signal.SIGCONT.value}", str(pid))
    until("it is well", lambda: region.runs("app-1"))
