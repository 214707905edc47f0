"""One region of the local cloud for a file of tests, in namespaces of its own, kept by a sleeper
that the commands enter."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/demo.d"))
from product import Product, ProductError  # noqa: E402

BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", "build/release")).resolve()
GODWIT = BUILD / "src/apps/godwit"
MARKET = pathlib.Path(__file__).with_name("market.json")
NEEDS = pytest.mark.skipif(
    not GODWIT.exists() or os.geteuid() != 0 or
    not pathlib.Path("/usr/lib/godwit/kernel/vmlinuz").exists(),
    reason="needs root, the built command and the guest kernel")

PROGRAM = BUILD / "guest/guest_test_program"
NEEDS_PROGRAM = pytest.mark.skipif(not PROGRAM.exists(),
                                   reason="needs the tests' guest program, built")
MAKE_IMAGE = """set -e
cd "$0"; mkdir -p tree/bin; mkdir -m 777 tree/data; cp "$1" tree/bin/app
umoci init --layout layout; umoci new --image layout:v1
tar -C tree --sort=name --mtime=@0 -cf layer.tar .
umoci raw add-layer --image layout:v1 layer.tar
umoci config --image layout:v1 --config.entrypoint /bin/app --config.user 1000:100
"""


class Region:
    """`program` is what `up` starts; `market` its market's file."""

    def __init__(self, folder, program=GODWIT, market=MARKET):
        self.dir = folder / "d"
        self.keeper = subprocess.Popen(
            ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c",
             "mount -t tmpfs tmpfs /run; ip link set lo up; echo up; exec sleep 1800"],
            stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n"
        self.inside = ["nsenter", "-n", "-m", "-t", str(self.keeper.pid), f"--wd={os.getcwd()}"]
        Product([*self.inside, program]).up(self.dir, market)
        self.product = Product([*self.inside, GODWIT])
        self.place = self.product.up(self.dir, market)

    def import_app(self, folder):
        """An image of the tests' guest program, /bin/app, whose user may write to /data."""
        subprocess.run(["sh", "-c", MAKE_IMAGE, folder, PROGRAM], check=True, timeout=60,
                       capture_output=True)
        return self.product.import_image(folder / "layout", self.place["images"])

    @property
    def outside(self):
        """The network namespace of clients."""
        return f"/proc/{self.keeper.pid}/root/run/netns/{self.place['outside_namespace']}"

    def guest(self, name):
        try:
            return self.product.guests().get(name, {})
        except ProductError:
            return {}

    def instances(self, state="running"):
        return [i for i in self.product.cloud_status()["instances"] if i["state"] == state]

    def instance_of(self, node):
        address = self.product.nodes()[node]["address"]
        return next(i["instance"] for i in self.instances() if i["address"] == address)

    def runs(self, guest):
        now = self.guest(guest)
        return now.get("phase") == "RUNNING" and now.get("container", {}).get("state") == "RUNNING"

    def node_of(self, guest):
        return until(f"{guest} is somewhere", lambda: self.guest(guest).get("node"))

    def another_node(self, than):
        return next(n for n, v in self.product.nodes().items()
                    if n != than and v["phase"] == "READY")

    def move(self, guest, to):
        """The wish is repeated: while another move or order is under way it is not heard."""
        def arrived():
            now = self.guest(guest)
            if now.get("node") == to and now.get("phase") == "RUNNING":
                return True
            try:
                self.product.ask("migrate", guest, "--to", to)
            except ProductError:
                pass
            time.sleep(1)
            return False
        until(f"{guest} on {to}", arrived, 180)

    def exec(self, instance, *words):
        """A program in an instance's namespaces: no agent is asked."""
        return subprocess.run(
            [*self.product.command, "cloud", "exec", "--socket", self.place["cloud_socket"],
             instance, "--", *map(str, words)],
            capture_output=True, text=True, timeout=60, check=False)

    def place_of_qemu(self):
        """Instances in which a QEMU runs, by the cloud's own view."""
        return [i["instance"] for i in self.instances()
                if self.exec(i["instance"], "pgrep", "-c", "qemu").returncode == 0]

    def serve_pid(self):
        return int((self.dir / "serve.pid").read_text().split()[0])

    def serve(self, number):
        os.kill(self.serve_pid(), number)

    def end(self):
        try:
            self.serve(signal.SIGCONT)
        except (OSError, ValueError):
            pass
        try:
            self.product.down(self.dir)
        except ProductError:
            pass
        self.keeper.kill()
        self.keeper.wait()


def until(what, condition, limit_s=120):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not seen")
