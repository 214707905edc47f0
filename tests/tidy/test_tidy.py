"""Goal: tools/tidy refuses every mistake it names, and nothing else.

Method: run it on bad/, where each file holds one mistake, and compare all findings with the table;
run it on good/, which uses the same words where they are allowed. Too long files and functions are
made here, so that nobody has to scroll past them.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TIDY = HERE.parent.parent / "tools/tidy"

EXPECTED = {
    ("guest/init.cc", "include-edge"),
    ("src/base/upward.h", "include-edge"),
    ("src/control/sideways.cc", "include-edge"),
    ("src/core/plan/reaches_down.cc", "include-edge"),
    ("src/edges/linux/neighbour.cc", "include-edge"),
    ("src/lib/frame/lib_knows_ports.cc", "include-edge"),
    ("src/localcloud/cloud_knows_client.cc", "include-edge"),
    ("src/crowded/new_room.cc", "unknown-room"),
    ("src/agent/asio.cc", "third-party"),
    ("src/agent/proto.cc", "third-party"),
    ("src/edges/qemu/own_json.cc", "third-party"),
    ("src/control/impure.cc", "impure-include"),
    ("src/agent/distribution.cc", "banned-call"),
    ("src/agent/random.cc", "banned-call"),
    ("src/agent/thread.cc", "banned-call"),
    ("src/control/clock.cc", "banned-call"),
    ("src/control/sleeps.cc", "banned-call"),
    ("src/edges/qemu/owns_everything.cc", "banned-word"),
    ("src/edges/qemu/string_utils.cc", "banned-word"),
    ("src/edges/qemu/vague_type.cc", "banned-word"),
    ("src/edges/qemu/vague_verb.cc", "banned-word"),
    ("src/edges/qemu/promise.cc", "todo"),
    ("src/edges/qemu/long_line.cc", "long-line"),
    ("long_script", "long-line"),
    ("src/edges/qemu/nobody_includes.h", "orphan"),
    ("src/edges/unbuilt/lost.cc", "orphan"),
    ("src/edges/unknown/far.cc", "orphan"),
    ("src/edges/bare/README.md", "readme"),
    ("src/edges/wordy/README.md", "readme"),
}


def run(root, *paths):
    """The exit status and the findings as (path, rule)."""
    command = [TIDY, "--root", root, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    found = [re.match(r"(\S+?):(\d+): ([\w-]+): \S", line) for line in done.stdout.splitlines()]
    return done.returncode, {(m.group(1), m.group(3)) for m in found if m}


def test_accepts_the_good_tree():
    assert run(HERE / "good") == (0, set())


def test_refuses_each_file_of_the_bad_tree():
    status, found = run(HERE / "bad")
    assert status == 1
    assert found == EXPECTED


def test_reports_named_paths_only():
    assert run(HERE / "bad", "src/base") == (1, {("src/base/upward.h", "include-edge")})
    assert run(HERE / "bad", "src/agent/agent.h") == (0, set())


LONG = "  call();\n" * 69


@pytest.mark.parametrize("name, text, rule", [
    ("long_file.cc", "// Line.\n" * 601, "long-file"),
    ("file.cc", "// Line.\n" * 600, None),
    ("long_function.cc", f"void f() {{\n{LONG}}}\n", "long-function"),
    ("function.cc", "void f() {\n" + "  call();\n" * 68 + "}\n", None),
    ("method.cc", f"struct S {{\n  Status f(int a) const override {{\n{LONG}  }}\n}};\n",
     "long-function"),
    ("lambda.cc", f"void f() {{\n  auto g = [] {{\n{LONG}  }};\n}}\n", "long-function"),
    ("table.cc", "const int kTable[] = {\n" + "  name(1),\n" * 90 + "};\n", None),
    ("space.cc", "namespace a {\n" + "void f() {\n  g();\n}\n" * 30 + "}\n", None),
    ("long_function.py", "def f():\n" + "    call()\n" * 70, "long-function"),
    ("long_function.sh", "#!/bin/bash\nf() {\n" + "  call\n" * 69 + "}\n", "long-function"),
])
def test_measures(tmp_path, name, text, rule):
    shutil.copytree(HERE / "good", tmp_path / "tree")
    path = "src/edges/runtime/" + name
    (tmp_path / "tree" / path).write_text(text)
    assert run(tmp_path / "tree") == ((1, {(path, rule)}) if rule else (0, set()))
