"""The demo's scenes against a pretended `godwit`. Goal: a run in which all is as it should be ends
well, and each single thing that is not makes it fail, by name. Method: the real orchestrator and
clients, true small servers as the guests' services, a fake command that can misbehave."""

import io
import itertools
import json
import pathlib
import sys
import time

import demo
import fake_godwit
import fake_servers
import pytest
import scenes
import watch
from clients import PROTOCOLS
from product import Product, ProductError
from record import Record
from services import Service, spec
from story import Failed, Story

FAKE = pathlib.Path(__file__).with_name("fake_godwit.py")
NAMES = ["start", "cheaper", "notice", "price", "on-demand", "return", "drain"]


class InProcess(Product):
    """Calls the pretended command without starting a program."""

    def __init__(self, faults):
        super().__init__(["godwit"])
        self.state = fake_godwit.new_state(list(faults))

    def run(self, *words, timeout_s=None, text=None):
        said = fake_godwit.answer(self.state, [str(w) for w in words], text)
        return said if isinstance(said, str) else json.dumps(said)


def run(tmp_path, monkeypatch, faults=(), lie=None, product=None):
    """(result, output, record) of a whole show."""
    monkeypatch.setattr(watch, "REPLIES_AFTER", 3)
    monkeypatch.setattr(scenes, "NOTICE_LIMIT_S", 60)
    redis = fake_servers.Server(fake_servers.redis, lie)
    nginx = fake_servers.Server(fake_servers.http)
    nginx.keep["files"] = PROTOCOLS["nginx"]().files
    services = (Service("redis", redis.port, 128, "0.0060"),
                Service("nginx", nginx.port, 128, "0.0060"))
    product = product or InProcess(faults)
    product.up(tmp_path, "none")
    out = io.StringIO()
    story, record = Story(out, poll_s=0.02, pace=0.02), Record()
    show = scenes.Scenes(product, story, record, services, {s.name: "a" * 64 for s in services},
                         "none")
    result = demo.perform(product, show, story, record, services)
    redis.close()
    nginx.close()
    return result, out.getvalue(), record


def faults_of(result):
    return "; ".join(demo.faults(result) + [result["error"]])


def test_a_good_run(tmp_path, monkeypatch):
    result, out, record = run(tmp_path, monkeypatch)
    assert faults_of(result) == "", out
    assert [s["name"] for s in result["scenes"]] == NAMES
    assert result["lost_guests"] == 0
    assert result["bill"] == {"paid_micro_usd": 4000, "cloud_micro_usd": 4000,
                              "on_demand_micro_usd": 9000}
    moves = result["moves"]
    # Pools go one by one: a guest may be chased from one to the next.
    reasons = [r for r, _ in itertools.groupby(
        m["reason"] for m in moves if m["guest"] == "redis-1")]
    assert reasons == ["cheaper", "notice", "max-price", "capacity", "return", "drain"]
    for move in moves:
        assert move["mechanism"] == "live" and move["downtime_ms"] == 50.0
        assert move["client_gap_ms"] is not None
        assert set(move) >= {"guest", "reason", "source", "destination", "mechanism", "bytes",
                             "total_ms", "downtime_ms", "client_gap_ms"}
    for client in result["clients"]:
        assert client["replies"] > 20
        assert (client["wrong"], client["reconnects"]) == (0, 0)
        assert set(client) >= {"name", "replies", "wrong", "reconnects", "gap_ms_max"}
    assert "the cloud has ended i-" in out and "the operator of the cloud: reclaim i-" in out
    seen = record.as_json()
    assert {p.split("/")[0] for p in seen["prices"]} == {fake_godwit.TYPE}
    for guest in ("redis-1", "nginx-1"):  # First place, and one more after each move.
        assert len(seen["places"][guest]) == 1 + sum(m["guest"] == guest for m in moves)
    json.dumps(result)


@pytest.mark.slow  # A program for each call.
def test_a_good_run_by_its_command(tmp_path, monkeypatch):
    state = tmp_path / "state.json"
    state.write_text(json.dumps(fake_godwit.new_state([])))
    monkeypatch.setenv("GODWIT_FAKE", str(state))
    result, out, _ = run(tmp_path, monkeypatch, product=Product([sys.executable, FAKE]))
    assert faults_of(result) == "", out


@pytest.mark.slow  # Each waits until what it waits for is too late.
@pytest.mark.parametrize("fault, scene", [("no cheaper", "cheaper"), ("no notice", "notice"),
                                          ("never killed", "notice"), ("no max-price", "price"),
                                          ("no capacity", "on-demand"), ("no return", "return"),
                                          ("no drain", "drain"), ("dear start", "start"),
                                          ("restart at return", "return")])
def test_what_does_not_happen_is_said(tmp_path, monkeypatch, fault, scene):
    result, out, _ = run(tmp_path, monkeypatch, [fault])
    assert f"scene {scene} did not happen" in faults_of(result)
    assert "DID NOT HAPPEN" in out
    assert [s["name"] for s in result["scenes"]] == NAMES
    assert [s["name"] for s in result["scenes"] if not s["happened"]][0] == scene


def test_a_restart_is_a_lost_guest(tmp_path, monkeypatch):
    result, _, _ = run(tmp_path, monkeypatch, ["restart at drain"])
    assert result["lost_guests"] == 2
    assert "2 guests were lost" in faults_of(result)


def test_a_bill_that_differs_by_one_micro_dollar_fails(tmp_path, monkeypatch):
    result, _, _ = run(tmp_path, monkeypatch, ["wrong bill"])
    assert faults_of(result).startswith(
        "the ledger says 4000 micro-dollars, the cloud's bill 4001")


def test_to_pay_more_than_on_demand_fails(tmp_path, monkeypatch):
    result, _, _ = run(tmp_path, monkeypatch, ["dear"])
    assert "more than on-demand's 3999" in faults_of(result)


def test_one_wrong_reply_fails(tmp_path, monkeypatch):
    result, _, _ = run(tmp_path, monkeypatch, lie=10)
    assert "client redis-1: 1 wrong, 0 reconnects" in faults_of(result)


def test_no_client_and_no_bill_fail():
    empty = {"scenes": [], "moves": [], "clients": [], "bill": None, "lost_guests": 0}
    assert demo.faults(empty) == ["no client", "no bill"]


def test_a_failing_command_is_told(tmp_path):
    product = Product([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    with pytest.raises(ProductError, match="godwit down --dir .*: no such thing"):
        product.down(tmp_path)
    with pytest.raises(Failed, match="the thing: not seen in time .*no such thing"):
        Story(io.StringIO(), poll_s=0.001).wait("the thing", lambda: product.down(tmp_path),
                                                time.monotonic())


def test_a_spec_names_what_the_guest_needs():
    text = spec(Service("redis", 6379, 128, "0.0300"), "ab" * 32)
    assert "image: " + "ab" * 32 + "\n" in text
    assert "ports: [{port: 6379, published: 6379}]\n" in text
    assert "maximum_price: 0.0300\n" in text
