"""What makes a run of the demo bad. Goal: each fault is found alone. Method: one figure of a
recorded run is changed at a time."""

import copy
import json
import pathlib

import pytest
import result

GOOD = json.loads(pathlib.Path(__file__).with_name("recorded_run.json").read_text())["result"]


@pytest.mark.parametrize("figure, value, said", [
    ("wrong", 1, "1 wrong"), ("reconnects", 2, "2 reconnects"), ("replies", 0, "no reply"),
    ("gap_ms_max", 54_302.0, "heard nothing for 54302 ms")])
def test_a_client_that_noticed_is_a_fault(figure, value, said):
    assert result.faults(GOOD) == []
    bad = copy.deepcopy(GOOD)
    bad["clients"][0][figure] = value
    found = result.faults(bad)
    assert len(found) == 1 and bad["clients"][0]["name"] in found[0] and said in found[0]
