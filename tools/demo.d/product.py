"""The product as its user sees it: the `godwit` command, and the local cloud's operator's hand."""

import datetime
import json
import pathlib
import subprocess


class ProductError(Exception):
    """A command that failed: what it was, and what it said."""


def seconds(timestamp):
    """A protobuf timestamp in JSON, or "YYYY-MM-DD...Z", as seconds since the epoch; None."""
    if not timestamp:
        return None
    return datetime.datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


class Product:
    """`command` starts the program, ["build/demo/src/apps/godwit"]; `place` is what `godwit up -o
    json` says. Calls wait for their answer; ProductError where there is none."""

    def __init__(self, command, timeout_s=60):
        self.command, self.timeout_s = [str(word) for word in command], timeout_s
        self.place = {}

    def run(self, *words, timeout_s=None, text=None):
        try:
            done = subprocess.run([*self.command, *map(str, words)], capture_output=True, text=True,
                                  timeout=timeout_s or self.timeout_s, input=text, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProductError(f"godwit {' '.join(map(str, words))}: {error}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise ProductError(f"godwit {' '.join(map(str, words))}: {said or done.returncode}")
        return done.stdout

    def ask(self, *words, text=None):
        where = ["--server", self.place["server"], "--credentials", self.place["credentials"]]
        return self.run(*where, *words, text=text)

    def read(self, *words):
        answer = self.ask(*words, "-o", "json")
        try:
            return json.loads(answer)
        except ValueError as error:
            raise ProductError(f"godwit {' '.join(words)}: no JSON: {error}") from error

    # The whole.
    def up(self, directory, market):
        self.place = json.loads(self.run("up", "--dir", directory, "--market", market, "-o", "json",
                                         timeout_s=180))
        return self.place

    def down(self, directory):
        return self.run("down", "--dir", directory, timeout_s=120)

    def import_image(self, archive, store):
        return self.run("image", "import", archive, "--store", store, timeout_s=180).strip()

    # What is, and what is wanted.
    def guests(self):
        return {g["name"]: g for g in self.read("get", "guests")["guests"]}

    def nodes(self):
        return {n["name"]: n for n in self.read("get", "nodes")["nodes"]}

    def offerings(self):
        return self.read("get", "offerings")["offerings"]

    def moves(self):
        return self.read("get", "moves", "--limit", "1000")["moves"]

    def ledger(self):
        return self.read("savings")

    def apply(self, spec, images):
        """What the spec leaves out comes from the image in the store `images`."""
        return self.ask("apply", "-f", "-", "--images", images, text=spec)

    def delete(self, group):
        return self.ask("delete", group)

    def drain(self, node):
        return self.ask("drain", node)

    # The operator of the cloud.
    def cloud(self, *words):
        where = ("--socket", self.place["cloud_socket"], "-o", "json")
        return json.loads(self.run("cloud", *words, *where))

    def cloud_status(self):
        return self.cloud("status")

    def bill(self):
        return self.cloud("bill")


def built(build):
    """The command in a build directory."""
    path = pathlib.Path(build) / "src/apps/godwit"
    if not path.exists():
        raise ProductError(f"{path}: not built")
    return [path]
