"""Goal: what the cloud starts is an instance as far as a program inside can tell, and it is gone,
all of it, when the API says so.

Method: real instances in namespaces, launched by botocore; programs run inside them by the
operator's `exec` report what they see. Needs root and the node root filesystem.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from local_cloud import IMAGE, PROGRAM

ROOTFS = Path("/usr/lib/godwit/rootfs")
pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not ROOTFS.is_dir() or os.geteuid() != 0,
                                 reason="needs root and the node root filesystem")]

USER_DATA = "#!/bin/sh\necho booted > /var/booted\nexec sleep 314159\n"
# Room for little, so that a test can burn past it: 2 CPUs at 10 % each, 64 MiB.
SMALL = {"types": {"tiny": {"vcpus": 2, "memory_mib": 64, "on_demand_usd": "0.1"}},
         "prices": {"tiny/us-east-1a": "0.01", "tiny/us-east-1b": "0.01"}}


class World:
    def __init__(self, make_cloud, tmp_path, **instances):
        self.state = tmp_path / "state"
        self.cloud = make_cloud(**SMALL, instances={
            "state_dir": str(self.state), "cpu_percent_per_vcpu": 10, **instances})
        self.ec2 = self.cloud.client()

    def launch(self, zone="us-east-1a", user_data=USER_DATA, **changes):
        wanted = {"ImageId": IMAGE, "InstanceType": "tiny", "MinCount": 1, "MaxCount": 1,
                  "Placement": {"AvailabilityZone": zone}, "UserData": user_data} | changes
        instance = self.ec2.run_instances(**wanted)["Instances"][0]["InstanceId"]
        self.until(lambda: self.exec(instance, "true") is not None)
        return instance

    def until(self, condition):
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("not within a minute")

    def call(self, instance, *argv):
        command = [PROGRAM, "cloud", "exec", "--socket", self.cloud.socket, instance, "--", *argv]
        return subprocess.run(command, capture_output=True, text=True)

    def exec(self, instance, *argv):
        done = self.call(instance, *argv)
        return done.stdout if done.returncode == 0 else None

    def python(self, instance, program):
        return self.call(instance, "python3", "-c", program)

    def describe(self, instance):
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        return found[0]["Instances"][0]

    def metadata(self, instance, path, *options):
        token = self.exec(instance, "curl", "-s", "-X", "PUT", "-H",
                          "X-aws-ec2-metadata-token-ttl-seconds: 60",
                          "http://169.254.169.254/latest/api/token")
        return self.exec(instance, "curl", "-s", "-f", *options, "-H",
                         f"X-aws-ec2-metadata-token: {token}", f"http://169.254.169.254{path}")


@pytest.fixture
def world(make_cloud, tmp_path):
    return World(make_cloud, tmp_path)


def running(word):
    """Pids of processes that have the word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def test_inside_is_an_instance(world):
    a, b = world.launch(), world.launch("us-east-1b")
    boot_ids = {Path("/proc/sys/kernel/random/boot_id").read_text()}
    for instance in (a, b):
        world.until(lambda: world.exec(instance, "cat", "/var/booted") == "booted\n")
        assert world.exec(instance, "sh", "-c", "readlink /proc/1/exe").endswith("/godwit\n")
        boot_ids.add(world.exec(instance, "cat", "/proc/sys/kernel/random/boot_id"))
        address = world.describe(instance)["PrivateIpAddress"]
        assert f"inet {address}/20" in world.exec(instance, "ip", "addr", "show", "eth0")
        assert world.exec(instance, "hostname") == f"ip-{address.replace('.', '-')}\n"
    assert len(boot_ids) == 3
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n", b) for b in boot_ids)
    # Writes of one are not seen by the other, nor on the host's root filesystem.
    world.exec(a, "sh", "-c", "echo x > /usr/written")
    assert world.exec(b, "cat", "/usr/written") is None
    assert not (ROOTFS / "usr/written").exists()
    # The host is out of sight: its processes, its devices, its state directory.
    assert world.exec(a, "sh", "-c", "ls -d /proc/[0-9]* | wc -l").strip() < "9"
    assert world.exec(a, "ls", str(world.state)) is None
    world.exec(a, "rm", "/dev/null")
    assert world.exec(b, "test", "-c", "/dev/null") is not None and Path("/dev/null").exists()
    assert world.call(a, "sh", "-c", "exit 37").returncode == 37


def test_network_checks_source_addresses(world):
    a, b = world.launch(), world.launch("us-east-1b")
    neighbour = world.launch()
    to = {i: world.describe(i)["PrivateIpAddress"] for i in (a, b, neighbour)}
    for instance in (b, neighbour):
        server = ("import socket; s = socket.create_server(('0.0.0.0', 7000))\n"
                  "while True: c, peer = s.accept(); c.sendall(peer[0].encode()); c.close()")
        world.exec(instance, "sh", "-c", f"setsid python3 -c \"{server}\" >/dev/null 2>&1 &")
    ask = ("import socket; c = socket.create_connection(('{}', 7000), 3, ('{}', 0)); "
           "print(c.recv(99).decode())")

    def answer(peer, source):
        return world.python(a, ask.format(to[peer], source)).stdout.strip()
    for peer in (b, neighbour):  # In another zone's network, and in the same one.
        world.until(lambda: answer(peer, to[a]) == to[a])
    dropped = world.cloud.ask("status")["network"]
    assert dropped == {"dropped_by_source_check": 0, "dropped_by_destination_check": 0}
    # An address that is not the instance's: nothing comes through, and the port counts it.
    world.exec(a, "ip", "addr", "add", "10.0.0.99/32", "dev", "lo")
    assert "timed out" in answer(b, "10.0.0.99")
    assert world.cloud.ask("status")["network"]["dropped_by_source_check"] >= 1
    # The operator reaches instances from outside, and what they see is the operator's address.
    done = subprocess.run(["python3", "-c", ask.format(to[b], "0.0.0.0")], capture_output=True,
                          text=True)
    assert done.stdout.strip() == "10.0.200.10"


def test_metadata(world):
    spot = world.launch(InstanceMarketOptions={"MarketType": "spot"})
    other = world.launch(user_data="")
    assert world.exec(spot, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                      "http://169.254.169.254/latest/meta-data/instance-id") == "401"
    for instance in (spot, other):
        assert world.metadata(instance, "/latest/meta-data/instance-id") == instance
    assert world.metadata(spot, "/latest/meta-data/instance-life-cycle") == "spot"
    assert world.metadata(spot, "/latest/user-data") == USER_DATA
    assert world.metadata(other, "/latest/user-data") is None
    assert world.metadata(spot, "/latest/meta-data/placement/availability-zone") == "us-east-1a"
    document = json.loads(world.metadata(spot, "/latest/dynamic/instance-identity/document"))
    assert document["instanceId"] == spot and document["region"] == "us-east-1"
    assert world.metadata(spot, "/latest/meta-data/spot/instance-action") is None
    world.cloud.ask("reclaim", spot)
    action = json.loads(world.metadata(spot, "/latest/meta-data/spot/instance-action"))
    assert action["action"] == "terminate"
    assert action["time"] == world.metadata(spot, "/latest/meta-data/spot/termination-time")
    status = {i["instance"]: i for i in world.cloud.ask("status")["instances"]}
    assert status[spot]["goes_at"] == action["time"]


def test_cpu_and_memory_are_held(world):
    instance = world.launch(user_data="")
    # For a second of wall time, two burners; what they got of it is at most their 2 x 10 %, and
    # the two periods of 100 ms that may be under way at either end.
    burn = ("import os, time\n"
            "end = time.monotonic() + 1; pid = os.fork()\n"
            "while time.monotonic() < end: pass\n"
            "if pid == 0: os._exit(0)\n"
            "os.wait(); t = os.times(); print(sum(t[:4]), time.monotonic() - end + 1)")
    used, passed = map(float, world.python(instance, burn).stdout.split())
    assert 0 < used < 0.2 * passed + 0.1
    take = "b = bytearray({} << 20); print(sum(b[::4096]))"
    assert world.python(instance, take.format(8)).stdout == "0\n"
    assert world.python(instance, take.format(128)).returncode == 137  # SIGKILL by the kernel.
    assert world.describe(instance)["State"]["Name"] == "running"


def test_the_end_takes_everything(world):
    instance, stays = world.launch(), world.launch()
    world.exec(instance, "sh", "-c", "setsid sleep 271828 >/dev/null 2>&1 &")
    world.until(lambda: len(running("271828")) == 1 and len(running("314159")) == 2)
    world.ec2.terminate_instances(InstanceIds=[instance])
    world.until(lambda: not running("271828") and len(running("314159")) == 1)
    world.until(lambda: not (world.state / instance).exists())
    assert "is not a real instance" in world.call(instance, "true").stderr
    assert world.exec(stays, "cat", "/var/booted") == "booted\n"
    # Powered off from inside.
    world.exec(stays, "kill", "-TERM", "1")
    world.until(lambda: world.describe(stays)["State"]["Name"] == "terminated")
    assert world.describe(stays)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert not running("314159")
    # Without notice, by the operator.
    third = world.launch(InstanceMarketOptions={"MarketType": "spot"})
    world.cloud.ask("reclaim", third, "--no-notice")
    world.until(lambda: not running("314159"))
    fourth = world.launch()
    world.cloud.ask("kill", fourth)
    world.until(lambda: not running("314159"))
    assert world.describe(fourth)["StateReason"]["Code"] == "Server.InternalError"


def test_no_instance_outlives_its_cloud(world):
    instances = [world.launch() for _ in range(2)]
    world.until(lambda: len(running("314159")) == 2)
    paths = [world.state / i / "boot.json" for i in instances]
    specs = [json.loads(path.read_text()) for path in paths]
    assert all(running(str(path)) for path in paths)
    world.cloud.program.send_signal(signal.SIGKILL)
    world.cloud.program.wait()
    world.until(lambda: not running("314159") and not any(running(str(p)) for p in paths))
    # Its network went too: a new cloud finds the operator's device free.
    world.until(lambda: not Path("/sys/class/net/godwit-vpc").exists())
    # What is left are empty cgroups, which a later cloud sweeps when they are old; here at once.
    groups = [Path(directory) for spec in specs for _, directory in spec["cgroups"]]
    for group in groups:
        group.rmdir()
    for parent in {group.parent for group in groups}:
        parent.rmdir()


def test_what_cannot_boot_is_terminated(make_cloud, tmp_path):
    world = World(make_cloud, tmp_path, mounts=[{"from": "/nowhere", "to": "/x"}])
    instance = world.ec2.run_instances(ImageId=IMAGE, InstanceType="tiny", MinCount=1, MaxCount=1)
    instance = instance["Instances"][0]["InstanceId"]
    world.until(lambda: world.describe(instance)["State"]["Name"] == "terminated")
    assert world.describe(instance)["StateReason"]["Code"] == "Server.InternalError"
    assert "/nowhere" in (world.state / f"{instance}.console").read_text()
