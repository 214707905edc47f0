"""The demo as a program. Goal: however it ends, what it started is taken down. Method: demo.py with
a pretended `godwit`, interrupted while it waits for its clients' servers, which are not there."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import fake_godwit
import pytest

HERE = pathlib.Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "tools/demo.d/demo.py"


@pytest.fixture
def start(tmp_path):
    """Starts the demo; its process and the state of the pretended command."""
    state = tmp_path / "state.json"
    state.write_text(json.dumps(fake_godwit.new_state([])))
    (tmp_path / "src/apps").mkdir(parents=True)
    (tmp_path / "src/apps/godwit").symlink_to(HERE / "fake_godwit.py")

    def begin(*more):
        return subprocess.Popen(
            [sys.executable, DEMO, "--build", tmp_path, "--images", tmp_path, "--state", tmp_path,
             "--fast", *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "GODWIT_FAKE": str(state), "PYTHONUNBUFFERED": "1"})
    return begin, state


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_takes_everything_down(start, number):
    begin, state = start
    with begin() as process:
        for line in process.stdout:
            if "nginx-1 runs on" in line:
                process.send_signal(number)
                break
        said = process.stdout.read()
        assert process.wait(timeout=30) == 130
    assert "interrupted, cleaning up" in said
    assert json.loads(state.read_text())["down"]


def test_a_command_that_is_not_built_is_said(tmp_path):
    done = subprocess.run([sys.executable, DEMO, "--build", tmp_path, "--images", tmp_path,
                           "--state", tmp_path], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode != 0 and "not built" in done.stderr and "Traceback" not in done.stderr
