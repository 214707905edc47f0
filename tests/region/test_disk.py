"""The disk and the clock of a guest that moves, on real instances of the local cloud. Goal: after
each move the disk has what its client knows to be there, its image is sound, and the clock is
right. Method: a client outside writes random blocks over one connection, also during the moves, and
keeps their hashes; the guest reads them past its page cache."""

import hashlib
import os
import random
import struct
import threading
import time

import pytest
from stage import NEEDS, NEEDS_PROGRAM, Region, until

from wire import Connection  # noqa: E402

MOVES = 20 if os.environ.get("GODWIT_ALL") else 3
BLOCK, BLOCKS = 4096, 256
CLOCK_OFF_MAX_S = 0.1
PORT = 7000

pytestmark = [pytest.mark.slow, NEEDS, NEEDS_PROGRAM]


class Writer(threading.Thread):
    """Writes a block every 20 ms. Its connection is never opened again: a lost one ends the test.
    Who holds `lock` has it alone."""

    def __init__(self, address, netns):
        super().__init__(daemon=True)
        self.address, self.netns = address, netns
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.hashes, self.written, self.error = {}, 0, None
        self.connection = None
        self.random = random.Random(1)

    def run(self):
        try:
            self.connection = Connection(self.address, PORT, 60, self.netns)
            while not self.ending.wait(0.02):
                with self.lock:
                    self.write(self.random.randrange(BLOCKS), self.random.randbytes(BLOCK))
        except Exception as error:  # noqa: BLE001: the test's own thread says so.
            self.error = error

    def ask(self, verb, number, size, data=b""):
        self.connection.send(verb + struct.pack("<I", number) + data)
        return self.connection.read_exactly(size)

    def write(self, number, block):
        assert self.ask(b"w", number, 1, block) == b"k"
        self.hashes[number] = hashlib.sha256(block).digest()
        self.written += 1

    def differing(self):
        """Blocks that the disk does not have as they were written."""
        return [n for n, known in sorted(self.hashes.items())
                if hashlib.sha256(self.ask(b"r", n, BLOCK)).digest() != known]

    def clock_off_s(self):
        """Guest's clock less ours, at the middle of the exchange with the shortest round trip."""
        exchanges = []
        for _ in range(20):
            sent = time.time()
            guest, = struct.unpack("<q", self.ask(b"t", 0, 8))
            took = time.time() - sent
            exchanges.append((took, guest / 1e6 - (sent + took / 2)))
        return min(exchanges)[1]


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    region = Region(folder)
    image = region.import_app(folder)
    region.product.apply(f"""name: disk
count: 1
image: {image}
command: [/bin/app, disk, /data/file]
memory_mib: 128
ports: [{{port: {PORT}, published: {PORT}}}]
maximum_price: 0.0300
""", region.place["images"])
    until("it runs", lambda: region.runs("disk-1"), 240)
    yield region
    region.end()


@pytest.fixture
def writer(region):
    writer = Writer(region.place["public_address"], region.outside)
    writer.start()
    yield writer
    writer.ending.set()
    writer.join(10)


def check_image(region, node):
    """Of the guest's overlay, while nobody writes. Its file system may do so by itself: then what
    is read is of two moments, and is looked at again."""
    instance = region.instance_of(node)
    overlays = region.exec(instance, "find", "/var/lib", "/run", "-name", "*.qcow2").stdout.split()
    assert len(overlays) == 1, overlays
    said = []

    def sound():
        done = region.exec(instance, "qemu-img", "check", "-U", overlays[0])
        said.append(done.stdout + done.stderr)
        return done.returncode == 0
    for _ in range(5):
        if sound():
            return
        time.sleep(1)
    raise AssertionError(said)


def test_disk_and_clock_are_right_after_each_move(region, writer):
    off_max = 0.0
    for number in range(MOVES):
        before = writer.written
        until("it writes", lambda b=before, w=writer: w.written > b + 50 or w.error)
        other = region.another_node(region.node_of("disk-1"))
        region.move("disk-1", other)
        moved = writer.written
        until("it writes there", lambda m=moved, w=writer: w.written > m + 10 or w.error)
        assert not writer.error, writer.error
        with writer.lock:
            off = writer.clock_off_s()
            assert abs(off) <= CLOCK_OFF_MAX_S
            off_max = max(off_max, abs(off))
            assert len(writer.hashes) > 100 or number == 0
            assert writer.differing() == []
            check_image(region, other)
    # The comparison can fail.
    with writer.lock:
        writer.hashes[0] = hashlib.sha256(b"another").digest()
        assert writer.differing() == [0]
    moves = [m for m in region.product.moves() if m["state"] == "DONE"]
    assert len(moves) >= MOVES and all(m["live"] for m in moves), moves
    print(f"{len(moves)} moves, {writer.written} writes, clock off by at most "
          f"{off_max * 1e3:.1f} ms")
