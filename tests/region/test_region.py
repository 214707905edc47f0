"""A group in a region, from `apply` to `delete`. Goal: what a user may do works on real instances;
with the control plane stopped, a notice empties a node and the client does not notice; afterwards
the control plane's rows agree with the truth. One region for all tests."""

import os
import pathlib
import signal
import time

import pytest
from stage import NEEDS, Region, until

from clients import PROTOCOLS, Client  # noqa: E402
from product import ProductError  # noqa: E402
from services import REDIS, spec  # noqa: E402

IMAGES = sorted(
    pathlib.Path(os.environ.get("GODWIT_IMAGES", "/none")).glob("redis-*/image.oci.tar"))

pytestmark = [pytest.mark.slow, NEEDS,
              pytest.mark.skipif(not IMAGES, reason="needs the redis image (tools/images)")]


class RedisRegion(Region):
    def __init__(self, folder):
        super().__init__(folder)
        self.image = self.product.import_image(IMAGES[-1], self.place["images"])
        self.client = None

    def apply(self):
        self.product.apply(spec(REDIS, self.image), self.place["images"])

    def connect(self):
        self.client = Client("redis-1", PROTOCOLS["redis"](), self.place["public_address"],
                             REDIS.port, netns=self.outside)
        self.client.start()

    def guest(self, name="redis-1"):
        return super().guest(name)

    def end(self):
        if self.client:
            self.client.end()
        super().end()


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    region = RedisRegion(tmp_path_factory.mktemp("region"))
    yield region
    region.end()


def test_a_group_runs_and_answers_outside(region):
    region.apply()
    until("it runs", lambda: region.guest().get("phase") == "RUNNING" and
          region.guest().get("container", {}).get("state") == "RUNNING")
    region.connect()
    until("replies", lambda: region.client.tally().replies > 20)


def test_its_log_is_read_and_a_program_runs_beside_it(region):
    assert "Ready to accept connections" in region.product.ask("logs", "redis-1")
    assert "Redis server" in region.product.ask("exec", "redis-1", "--",
                                                "/usr/bin/redis-server", "--version")
    with pytest.raises(ProductError):
        region.product.ask("exec", "redis-1", "--", "/no/such/program")
    with pytest.raises(ProductError, match="no guest is named"):
        region.product.ask("logs", "redis-9")


def test_a_notice_empties_the_node_while_the_control_plane_is_stopped(region):
    node = region.guest()["node"]
    # It has never been anywhere else: the others had no reason of their own to have its image.
    assert not region.product.moves()
    until("it has an escape", lambda: [
        n for n, v in region.product.nodes().items() if n != node and v["phase"] == "READY" and
        v["memory_mib"] and not v["preparing"]] and not region.guest()["preparing"])
    source = until("one QEMU", lambda: len(region.place_of_qemu()) == 1 and
                   region.place_of_qemu())[0]
    time.sleep(3)  # The order that widens the guest's set has been adopted.
    region.serve(signal.SIGSTOP)
    try:
        region.product.cloud("reclaim", source)
        moved = until("QEMU elsewhere alone", lambda: [
            i for i in [region.place_of_qemu()] if len(i) == 1 and i[0] != source])
        # The cloud may do now what it announced.
        region.product.cloud("kill", source)
        before = region.client.tally().replies
        until("replies", lambda: region.client.tally().replies > before + 50)
        assert region.place_of_qemu() == moved[0]
    finally:
        region.serve(signal.SIGCONT)
    guest = until("the rows agree", lambda: region.guest().get("node") not in (None, node) and
                  region.guest().get("phase") == "RUNNING" and region.guest())
    address = region.product.nodes()[guest["node"]]["address"]
    assert [i["instance"] for i in region.product.cloud_status()["instances"]
            if i["address"] == address] == moved[0]
    tally = region.client.tally()
    assert (tally.wrong, tally.reconnects) == (0, 0), tally
    # What the control plane wished before it heard that the guest was elsewhere is no move.
    moves = [m for m in region.product.moves()
             if m["guest"] == "redis-1" and m["state"] == "DONE"]
    assert len(moves) == 1 and moves[0]["reason"] == "notice" and moves[0]["live"], moves
    # Its source is gone and told nobody: the destination knows the story.
    told = until("the story", lambda: [m for m in region.product.moves()
                                       if int(m["bytes"]) > 0 and m.get("downtime_ms")])[0]
    assert told["downtime_ms"] > 0 and told["total_ms"] > told["downtime_ms"], told
    assert int(told["bytes"]) > int(told["bytes_while_stopped"]) > 0, told


def test_events_and_moves_survive_a_restart_of_the_control_plane(region):
    events = region.product.read("get", "events")["events"]
    moves = region.product.moves()
    time.sleep(2)  # The journal waits a second for other writes.
    old = (region.dir / "serve.pid").read_text()
    region.serve(signal.SIGKILL)
    until("another one", lambda: (region.dir / "serve.pid").read_text() != old)
    after = until("it answers", lambda: region.guest().get("phase") == "RUNNING" and
                  region.product.read("get", "events")["events"])
    assert {e["number"]: e for e in after}.items() >= {e["number"]: e for e in events}.items()
    assert region.product.moves()[:len(moves)] == moves


def test_the_ledger_equals_the_bill_after_all_is_deleted(region):
    region.client.end()
    region.product.delete("redis")
    until("the guest is gone", lambda: not region.place_of_qemu())
    until("the group is gone", lambda: not region.product.read("get", "groups").get("groups"))
    until("the fleet has ended its nodes", lambda: all(
        i["state"] == "terminated" for i in region.product.cloud_status()["instances"]), 300)
    until("the ledger is closed", lambda: all(
        i.get("end") for i in region.product.ledger()["items"]))
    bill = {i["instance"]: i["micro_usd"] for i in region.product.bill()["items"]}
    ledger = {i["instance"]: int(i["cost_micro_usd"]) for i in region.product.ledger()["items"]}
    assert ledger == bill
