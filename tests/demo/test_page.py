"""The page of a run. Goal: it shows the whole run to everybody and needs nothing else. Method: it
is made from a recorded run and read back as XML; what looks like markup comes back as text."""

import json
import pathlib
import re
import xml.etree.ElementTree as xml

import page
import pytest

RUN = json.loads(pathlib.Path(__file__).with_name("recorded_run.json").read_text())


def made(run=None):
    run = run or RUN
    text = page.render(run["result"], run["record"])
    return text, xml.fromstring(text)


def texts(element):
    return " ".join(" ".join(element.itertext()).split())


def test_all_moves_are_drawn_and_listed():
    _, root = made()
    moves = RUN["result"]["moves"]
    drawn = [g.find("title").text for g in root.iter("g") if g.get("class") == "move"]
    assert len(drawn) == len(moves) > 0
    for move, title in zip(moves, drawn):
        assert title.startswith(f"{move['guest']}: {move['reason']}, {move['source']} to "
                                f"{move['destination']}, {move['mechanism']}")
        assert f"waited {move['client_gap_ms']:.0f} ms" in title
    table = next(t for t in root.iter("table") if t.find("caption").text == "Moves")
    assert len(table.findall("tr")) == 1 + len(moves)


def test_all_that_happened_is_there():
    _, root = made()
    said = texts(root)
    for scene in RUN["result"]["scenes"]:
        assert scene["name"] in said
    for node in {n for places in RUN["record"]["places"].values() for _, n in places}:
        assert node in said
    for amount in ("$0.004000", "$0.009000", "55.6 %"):
        assert amount in said
    assert "All scenes happened." in said


def test_nothing_comes_from_outside():
    text, root = made()
    assert not re.search(r"https?:|//|url\(|@import|src=|href=", text)
    assert not list(root.iter("script"))


def test_it_can_be_read_without_seeing_it():
    _, root = made()
    drawing = next(s for s in root.iter("svg") if s.get("role") == "img")
    ids = {e.get("id"): e for e in drawing if e.get("id")}
    for name in drawing.get("aria-labelledby").split():
        assert ids[name].text
    assert root.get("lang") == "en"
    assert all(h.get("scope") == "col" for h in root.iter("th"))
    assert "prefers-color-scheme: dark" in root.find("head/style").text


def test_bars_are_inside_the_drawing():
    _, root = made()
    drawing = next(s for s in root.iter("svg") if s.get("role") == "img")
    _, _, width, height = map(float, drawing.get("viewBox").split())
    bars = list(drawing.iter("rect"))
    assert len(bars) > len(RUN["result"]["moves"])
    for bar in bars:
        x, y, w, h = (float(bar.get(k, 0)) for k in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and w >= 0 and x + w <= width + 0.1 and y + h <= height + 0.1


def test_a_failed_run_says_so():
    run = json.loads(json.dumps(RUN))
    run["result"]["scenes"][2].update(happened=False, why="<not> & seen")
    run["result"]["moves"][0].update(client_gap_ms=None, resume=None, downtime_ms=None)
    run["result"]["bill"] = None
    _, root = made(run)
    assert "Not all scenes happened." in texts(root) and "<not> & seen" in texts(root)


@pytest.mark.parametrize("record", [
    {"began": 0.0, "ended": 0.0, "prices": {}, "on_demand": {}, "nodes": {}, "places": {},
     "scenes": []}])
def test_an_empty_run_has_a_page(record):
    empty = {"scenes": [], "moves": [], "clients": [], "bill": None, "ledger": None,
             "lost_guests": 0}
    _, root = made({"result": empty, "record": record})
    assert "0 moves" in texts(root)
