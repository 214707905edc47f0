"""How the scenes are told: announced, waited for, and said to have happened or not."""

import dataclasses
import sys
import time

from product import ProductError


class Failed(Exception):
    """A scene that did not happen, and what was seen instead."""


@dataclasses.dataclass
class Scene:
    name: str
    happened: bool = False
    why: str = ""
    seconds: float = 0.0


@dataclasses.dataclass
class Later:
    """What is still to be seen, while other scenes go on: `seen()` says what, or None."""

    scene: Scene
    what: str
    until: float
    seen: object


class Story:
    def __init__(self, out=sys.stdout, poll_s=1.0, pace=1.0):
        """`pace` scales every limit: a test's are short."""
        self.out, self.poll_s, self.pace = out, poll_s, pace
        self.scenes, self.open = [], []
        self.began = time.monotonic()

    def say(self, text):
        print(f"  {time.monotonic() - self.began:6.1f} s  {text}", file=self.out, flush=True)

    def play(self, name, text, act, limit_s):
        """Runs act(scene, until); a Failed or ProductError is told and kept. Whether it happened
        (so far: see later())."""
        scene = Scene(name)
        self.scenes.append(scene)
        print(f"\n{name}: {text}", file=self.out, flush=True)
        began = time.monotonic()
        try:
            act(scene, began + limit_s * self.pace)
            scene.happened = True
        except (Failed, ProductError) as error:
            scene.why = str(error)
            self.say(f"DID NOT HAPPEN: {error}")
        scene.seconds = time.monotonic() - began
        return scene.happened

    def wait(self, what, seen, until):
        """Asks seen() until it says something true, and returns that. Failed at `until`. A command
        that fails is asked again: its last error is part of the failure."""
        error = ""
        while True:
            try:
                if found := seen():
                    return found
                error = ""
            except ProductError as failure:
                error = f" ({failure})"
            self.look()
            if time.monotonic() >= until:
                raise Failed(f"{what}: not seen in time{error}")
            time.sleep(self.poll_s)

    def later(self, scene, what, seen, limit_s):
        """The scene has happened only if this is seen too; nothing waits for it until finish()."""
        self.open.append(Later(scene, what, time.monotonic() + limit_s * self.pace, seen))

    def look(self):
        for item in list(self.open):
            try:
                found = item.seen()
            except ProductError:
                found = None
            if found:
                self.say(f"[{item.scene.name}] {found}")
                self.open.remove(item)
            elif time.monotonic() >= item.until:
                self._missed(item)

    def finish(self):
        while self.open:
            self.look()
            if self.open:
                time.sleep(self.poll_s)

    def _missed(self, item):
        self.open.remove(item)
        item.scene.happened = False
        item.scene.why = item.scene.why or f"{item.what}: not seen in time"
        self.say(f"[{item.scene.name}] DID NOT HAPPEN: {item.scene.why}")
