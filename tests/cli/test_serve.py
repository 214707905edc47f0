"""The shipped `godwit serve`, asked by `godwit get` and `godwit migrate` over mutual TLS on the
loopback of a network namespace of its own: what is answered, and who is turned away."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", "build/release"))
GODWIT = BUILD / "src/apps/godwit"
API = "127.0.0.1:7443"

pytestmark = pytest.mark.skipif(
    not GODWIT.exists() or os.geteuid() != 0, reason="needs root and the built command")


class Fleet:
    """A control plane in its own network namespace, kept by a sleeper that the commands enter."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state"
        self.keeper = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "ip link set lo up; echo up; exec sleep 600"],
            stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n"
        config = folder / "serve.json"
        config.write_text(json.dumps({
            "state_dir": str(self.state), "listen": "127.0.0.1:7002", "api": API,
            "admin_door": str(folder / "door")}))
        self.log = open(folder / "serve.log", "w+")
        self.plane = subprocess.Popen(self.inside([GODWIT, "serve", config]), stderr=self.log)
        for _ in range(200):
            if (folder / "door").exists() and (self.state / "user/user.pem").exists():
                break
            time.sleep(0.05)

    def inside(self, words):
        return ["nsenter", "-n", "-t", str(self.keeper.pid), *map(str, words)]

    def run(self, *words, credentials=None):
        where = ["--server", API, "--credentials", str(credentials or self.state / "user")]
        return subprocess.run(self.inside([GODWIT, *words, *where]), capture_output=True, text=True,
                              timeout=60)

    def door(self, request):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(self.folder / "door"))
            door.sendall((json.dumps(request) + "\n").encode())
            return json.loads(door.makefile().readline())

    def end(self):
        for process in (self.plane, self.keeper):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


@pytest.fixture
def fleet(tmp_path):
    made = Fleet(tmp_path)
    yield made
    made.end()


def test_nodes_are_listed(fleet):
    assert fleet.door({"do": "join", "node": "i-1/boot", "address": "10.0.1.10"}) == {"ok": True}
    table = fleet.run("get", "nodes")
    assert table.returncode == 0, table.stderr
    assert "i-1/boot" in table.stdout
    listed = fleet.run("get", "nodes", "-o", "json")
    assert "10.0.1.10" in json.dumps(json.loads(listed.stdout))


def test_what_is_not_there_is_said(fleet):
    moved = fleet.run("migrate", "web-1", "--to", "i-1/boot")
    assert moved.returncode != 0
    assert "no guest is named web-1" in moved.stderr


def test_a_stranger_is_turned_away(fleet, tmp_path):
    stranger = Fleet(tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    try:
        refused = fleet.run("get", "nodes", credentials=stranger.state / "user")
        assert refused.returncode != 0
        assert "i-1/boot" not in refused.stdout
    finally:
        stranger.end()


def test_a_verb_that_is_offered_is_served(fleet):
    offered = fleet.run("--help").stdout
    assert "\n  migrate " in offered and "\n  get " in offered
    asked = {"migrate": ["nobody", "--to", "nowhere"], "describe": ["guest", "nobody"],
             "cordon": ["nobody"], "uncordon": ["nobody"], "drain": ["nobody"],
             "delete": ["nobody"], "logs": ["nobody"], "exec": ["nobody", "true"]}
    for verb, words in asked.items():
        answer = fleet.run(verb, *words)
        not_found, usage = 4, 64
        expected = not_found if f"\n  {verb} " in offered else usage
        assert answer.returncode == expected, (verb, answer.stderr)
