"""`godwit up` and `godwit down` as a user runs them: all is there when `up` returns and gone when
`down` does, and what dies in between comes back. In network and mount namespaces of its own, kept
by a sleeper that the commands enter; /run is a private tmpfs."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", "build/release")).resolve()
GODWIT = BUILD / "src/apps/godwit"
ROOTFS = pathlib.Path("/usr/lib/godwit/rootfs")
PROGRAMS = ["cloud", "serve", "gateway"]

pytestmark = pytest.mark.skipif(
    not GODWIT.exists() or os.geteuid() != 0 or not ROOTFS.is_dir(),
    reason="needs root, the built command and the node root filesystem")


class Host:
    def __init__(self, folder):
        self.dir = folder / "d"
        self.keeper = subprocess.Popen(
            ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c",
             "mount -t tmpfs tmpfs /run; ip link set lo up; echo up; exec sleep 600"],
            stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n"

    def run(self, *words, **kwargs):
        inside = ["nsenter", "-n", "-m", "-t", str(self.keeper.pid), f"--wd={os.getcwd()}"]
        return subprocess.run([*inside, *map(str, words)], capture_output=True, text=True,
                              timeout=120, **kwargs)

    def godwit(self, verb, *words):
        return self.run(GODWIT, verb, *words, *(["--dir", self.dir] if verb in ("up", "down") else
                                                ["--credentials", self.dir / "state/user"]))

    def up(self):
        done = self.godwit("up", "--market", "steady", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def pid(self, name):
        try:
            return int((self.dir / f"{name}.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def until(self, condition):
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("not within a minute")

    def end(self):
        self.godwit("down")
        self.keeper.kill()
        self.keeper.wait()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.end()


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_is_there_after_up_and_gone_after_down(host):
    told = host.up()
    assert told["server"] == "127.0.0.1:7443"
    assert told["credentials"] == str(host.dir / "state/user")
    pids = [host.pid(name) for name in [*PROGRAMS, "up"]]
    assert all(lives(pid) for pid in pids)
    assert host.godwit("get", "nodes").returncode == 0
    status = host.run(GODWIT, "cloud", "status", "--socket", told["cloud_socket"], "-o", "json")
    assert json.loads(status.stdout)["ok"] is True
    table = host.run(GODWIT, "cloud", "status", "--socket", told["cloud_socket"])
    assert table.stdout.startswith("INSTANCE ") and "\nTYPE " in table.stdout
    host.until(lambda: "control plane attached" in (host.dir / "gateway.log").read_text())
    # The world outside has a way to the gateway's public address.
    outside = host.run("ip", "netns", "exec", told["outside_namespace"], "ip", "route", "get",
                       told["public_address"])
    assert "dev eth0" in outside.stdout
    for secret in ("cloud.json", "state/user/user.key", "state/gateway/gateway.key"):
        assert (host.dir / secret).stat().st_mode & 0o077 == 0

    again = host.godwit("up")
    assert again.returncode == 0 and again.stdout.startswith("godwit runs already")
    assert pids == [host.pid(name) for name in [*PROGRAMS, "up"]]

    down = host.godwit("down")
    assert down.returncode == 0 and down.stdout == "godwit is down\n"
    assert not any(lives(pid) for pid in pids)
    assert not (host.dir / "up.json").exists()
    links = host.run("ip", "-o", "link").stdout
    assert [name for name in ("out@", "vxg", "godwit-vpc") if name in links] == []
    assert host.run("nft", "list", "tables").stdout == ""
    assert host.run("ls", "/run/netns").stdout == ""
    assert host.godwit("down").stdout.startswith("nothing ran in")


def test_the_fleet_of_the_next_up_is_another_with_the_same_credentials(host):
    host.up()
    user = (host.dir / "state/user/user.pem").read_text()
    fleet = [line for line in (host.dir / "serve.log").read_text().splitlines() if "fleet" in line]
    host.godwit("down")
    host.up()
    assert (host.dir / "state/user/user.pem").read_text() == user
    fleets = [line for line in (host.dir / "serve.log").read_text().splitlines() if "fleet" in line]
    assert len(fleet) == 1 and len(fleets) == 2
    assert fleets[0].split()[1:] != fleets[1].split()[1:]
    assert host.godwit("get", "nodes").returncode == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_dies_comes_back(host, name):
    host.up()
    before = {other: host.pid(other) for other in PROGRAMS}
    os.kill(before[name], signal.SIGKILL)
    host.until(lambda: host.pid(name) not in (None, before[name]) and lives(host.pid(name)))
    host.until(lambda: host.godwit("get", "nodes").returncode == 0)
    attached = "control plane attached"
    host.until(lambda: (host.dir / "gateway.log").read_text().splitlines()[-1].endswith(attached))
    assert f"{name} ended (signal 9)" in (host.dir / "up.log").read_text()
    for other in PROGRAMS:
        if other != name:
            assert host.pid(other) == before[other]


def test_a_killed_supervisor_is_followed_by_the_next(host):
    host.up()
    before = [host.pid(name) for name in PROGRAMS]
    os.kill(host.pid("up"), signal.SIGKILL)
    host.until(lambda: not lives(host.pid("up")))
    assert all(lives(pid) for pid in before)
    host.up()
    assert not any(lives(pid) for pid in before)
    assert all(lives(host.pid(name)) for name in PROGRAMS)
    assert host.godwit("get", "nodes").returncode == 0
    # And its end without a next one.
    os.kill(host.pid("up"), signal.SIGKILL)
    left = [host.pid(name) for name in PROGRAMS]
    assert host.godwit("down").returncode == 0
    assert not any(lives(pid) for pid in left)


def test_what_is_wrong_is_said_and_nothing_is_left(host, tmp_path):
    unknown = host.godwit("up", "--market", "nope")
    assert unknown.returncode == 66
    assert "aws-2021" in unknown.stderr and "steady" in unknown.stderr
    assert host.godwit("up", "--no-such-flag").returncode == 64
    assert host.godwit("down", "--market", "steady").returncode == 64
    shown = host.run(GODWIT, "up", "--help")
    assert shown.returncode == 0 and "--market NAME" in shown.stdout

    bad = tmp_path / "bad.json"
    bad.write_text('{"prices": {"c5.large/us-east-1a": "0.1"}}')
    refused = host.godwit("up", "--market", bad)
    assert refused.returncode == 69
    assert str(bad) in refused.stderr and "which is no type here" in refused.stderr
    assert host.pid("cloud") is None and host.pid("up") is None
    assert "out@" not in host.run("ip", "-o", "link").stdout


def sleeper_runs():
    programs = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True).stdout
    return "sleep 271828" in programs.splitlines()


@pytest.mark.slow
def test_down_ends_the_instances(host):
    host.up()
    config = json.loads((host.dir / "cloud.json").read_text())
    key = config["credentials"][0]
    environment = os.environ | {"AWS_ACCESS_KEY_ID": key["access_key_id"],
                                "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
                                "AWS_DEFAULT_REGION": "us-east-1",
                                "AWS_CA_BUNDLE": str(host.dir / "ec2-ca.pem")}
    launched = host.run("aws", "--endpoint-url", f"https://127.0.0.1:{config['port']}", "ec2",
                        "run-instances", "--image-id", next(iter(config["images"])),
                        "--instance-type", "c5.large", "--user-data",
                        "#!/bin/sh\nexec sleep 271828\n", env=environment)
    assert launched.returncode == 0, launched.stderr
    host.until(sleeper_runs)
    assert host.godwit("down").returncode == 0
    assert not sleeper_runs()
