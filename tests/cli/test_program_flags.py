"""The programs behind `godwit NAME`, given bad flags, files and images: by a table, each is refused
with its status and an error that says what, where and how to fix it, and no file is made, changed
or left. Nothing here gets as far as a network or a guest."""

import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", "build/release")).resolve()
GODWIT = BUILD / "src/apps/godwit"

pytestmark = pytest.mark.skipif(not GODWIT.exists(), reason="needs the built command")

USAGE, DATA, NO_INPUT, CONFIG, NOT_FOUND = 64, 65, 66, 78, 4

# The words, the status, and parts of the error: what is wrong or where, and the remedy.
TABLE = [
    (["up", "--fly"], USAGE, "up: '--fly' is not expected", "godwit up --help"),
    (["up", "--dir"], USAGE, "up: --dir: 1 required", "godwit up --help"),
    (["up", "-o", "xml"], USAGE, "xml not in {table,json}", "godwit up --help"),
    (["up", "--market", "nowhere", "--dir", "d"], NO_INPUT, "nowhere", "no market"),
    (["down", "--fly"], USAGE, "down: '--fly' is not expected", "godwit down --help"),
    (["serve"], USAGE, "serve: config is required", "godwit serve --help"),
    (["serve", "a", "b"], USAGE, "serve: 'b' is not expected", "godwit serve --help"),
    (["serve", "none.json"], CONFIG, "none.json", "No such file"),
    (["serve", "bad.json"], CONFIG, "bad.json: ", "not json"),
    (["serve", "list.json"], CONFIG, "list.json: ", "an object is needed"),
    (["serve", "typo.json"], CONFIG, 'typo.json: field "listne"', "not known"),
    (["serve", "."], CONFIG, ".: ", "directory"),
    (["agent"], USAGE, "agent: config, or --join FILE, is required", "godwit agent --help"),
    (["agent", "none.json"], CONFIG, "none.json", "No such file"),
    (["agent", "bad.json"], CONFIG, "bad.json: ", "not json"),
    (["agent", "--join"], USAGE, "agent: --join: 1 required", "godwit agent --help"),
    (["agent", "--join", "none.json"], CONFIG, "none.json", "No such file"),
    (["agent", "--join", "notoken.json"], CONFIG, 'notoken.json: field "token"', "a text"),
    (["agent", "--join", "typo.json"], CONFIG, 'typo.json: field "listne"', "not known"),
    (["gateway"], USAGE, "gateway: config is required", "godwit gateway --help"),
    (["gateway", "bad.json"], CONFIG, "bad.json: ", "not json"),
    (["gateway", "typo.json"], CONFIG, 'typo.json: field "address"', "a text is needed"),
    (["cloud"], USAGE, "cloud: config, or a command, is required", "godwit cloud --help"),
    (["cloud", "none.json"], CONFIG, "none.json", ""),
    (["cloud", "bad.json"], CONFIG, "bad.json", ""),
    (["cloud", "typo.json"], CONFIG, "listne", ""),
    (["cloud", "a", "sing"], USAGE, "cloud: 'sing' is not expected", "godwit cloud --help"),
    (["image"], USAGE, "image: A subcommand is required", "godwit image --help"),
    (["image", "import", "x"], USAGE, "--store is required", "godwit image import --help"),
    (["image", "import", "x", "--store", "s", "--fly"], USAGE, "'--fly' is not expected", "--help"),
    (["image", "import", "none", "--store", "s"], NOT_FOUND, "none: no such file", ""),
    (["image", "import", "bad.json", "--store", "s"], DATA, "bad.json: not an archive", "give a"),
    (["image", "import", ".", "--store", "s"], DATA, ".: a directory without", "give a directory"),
    (["image", "import", "bad.json", "--store", "bad.json"], None, "bad.json", ""),
]

FILES = {"bad.json": "{", "list.json": "[]", "typo.json": '{"listne": 1}',
         "notoken.json": '{"authority": "a", "join": "1.2.3.4:5"}'}


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("words, status, what, remedy", TABLE, ids=lambda v: " ".join(v)
                         if isinstance(v, list) else "")
def test_is_refused_and_changes_nothing(tmp_path, words, status, what, remedy):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    before = tree(tmp_path)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run([GODWIT, *words], cwd=tmp_path, env=env, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == status if status else done.returncode != 0, done
    assert done.stdout == ""
    assert what in done.stderr and remedy in done.stderr, done.stderr
    assert "terminate called" not in done.stderr and "CHECK failed" not in done.stderr
    assert tree(tmp_path) == before
