"""The control plane is killed between every intent and its result, on real instances of the local
cloud. Goal: no instance leaks, and none is started twice for one node. Method: the control plane is
held there by a gate in its own loop (held_godwit), killed with SIGKILL, and started again by its
supervisor; at the end the cloud's bill, which has every instance that ever was, must have the
ledger's and no other."""

import contextlib
import os
import signal
import threading

import pytest
from stage import BUILD, NEEDS, NEEDS_PROGRAM, Region, until

from product import ProductError  # noqa: E402

PROGRAM = BUILD / "tests/region/held_godwit"

pytestmark = [pytest.mark.slow, NEEDS, NEEDS_PROGRAM, pytest.mark.skipif(
    not PROGRAM.exists(), reason="needs held_godwit, built")]

# Where it is held: before the step's writes (0), between writes and commands (1), after them (2).
BEGIN = [("Launch", 0), ("Launch", 1), ("Launch", 2), ("~is i-", 0), ("~is i-", 1), ("joined", 0),
         ("joined", 1), ("joined", 2)]
END = [("Terminate", 0), ("Terminate", 1), ("Terminate", 2), ("~is dead", 0), ("~is dead", 1)]


class HeldRegion(Region):
    def script(self, orders):
        path = self.dir / "serve.json.script"
        draft = path.with_name("script.new")
        draft.write_text(orders + "\n")
        draft.rename(path)

    def held(self):
        path = self.dir / "serve.json.held"
        return path.exists() and path.read_text().strip()

    def kill_at(self, places):
        """Kills it at each of these places, in their order."""
        for number, (row, moment) in enumerate(places):
            if number == 0:
                self.script(f"hold {row} {moment}")
            until(f"held at {row} {moment}", self.held)
            os.kill(self.serve_pid(), signal.SIGKILL)
            (self.dir / "serve.json.held").unlink()
            following = places[number + 1:number + 2]
            self.script("".join(f"hold {r} {m}" for r, m in following))
            print(f"killed at {row}, moment {moment}")


@contextlib.contextmanager
def wish(ask):
    """Asks until it is answered: a control plane that is held, or killed, does not answer."""
    ended = threading.Event()

    def repeat():
        while not ended.is_set():
            try:
                return ask()
            except ProductError:
                ended.wait(0.5)
        return None
    asker = threading.Thread(target=repeat)
    asker.start()
    try:
        yield
        asker.join(30)
    finally:
        ended.set()
        asker.join()


@pytest.fixture
def region(tmp_path_factory):
    region = HeldRegion(tmp_path_factory.mktemp("intents"), PROGRAM)
    yield region
    region.end()


def test_no_instance_leaks_and_none_is_started_twice(region, tmp_path):
    image = region.import_app(tmp_path)
    region.script("hold Launch 0")
    spec = f"""name: app
count: 1
image: {image}
command: [/bin/app, wait]
memory_mib: 128
maximum_price: 0.0300
"""
    with wish(lambda: region.product.apply(spec, region.place["images"])):
        region.kill_at(BEGIN)
    until("a node is ready", lambda: [n for n in nodes(region).values() if n["phase"] == "READY"])
    until("the guest runs", lambda: region.guest("app-1").get("phase") == "RUNNING")
    until("each instance is a node's", lambda: {i["address"] for i in region.instances()} <= {
        n["address"] for n in nodes(region).values()})
    region.script("hold Terminate 0")
    with wish(lambda: region.product.delete("app")):
        region.kill_at(END)
    until("the fleet has ended its nodes", lambda: all(
        i["state"] == "terminated" for i in region.product.cloud_status()["instances"]), 300)
    until("the ledger is closed", lambda: ledger(region) and all(
        i.get("end") for i in ledger(region)))
    bill = {i["instance"]: i["micro_usd"] for i in region.product.bill()["items"]}
    assert {i["instance"]: int(i["cost_micro_usd"]) for i in ledger(region)} == bill
    # Each node had one instance.
    named = [i["node"] for i in ledger(region)]
    assert len(named) == len(set(named)), named
    print(f"{len(BEGIN + END)} kills, {len(bill)} instances")


def nodes(region):
    try:
        return region.product.nodes()
    except ProductError:  # It is being started again.
        return {}


def ledger(region):
    try:
        return region.product.ledger()["items"]
    except ProductError:  # It is being started again.
        return []
