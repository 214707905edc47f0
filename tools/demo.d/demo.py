#!/usr/bin/env python3
"""demo.py --build DIR --images DIR --state DIR [--fast] [--json FILE] [--page FILE]

The main job, shown as it happens: containers on a spot market, moved live under their clients. Runs
in the workspace as root. Ends with 0 only if all scenes happened, no reply was wrong or lost, no
guest was lost, and the bill proves the saving. Ctrl-C ends everything it started.
"""

import argparse
import concurrent.futures
import json
import pathlib
import signal
import sys
import time

import page
from product import Product, ProductError, built
from record import Record
from result import add_gaps, bill_of, clients_of, faults, lost_guests, moves_of
from scenes import Scenes
from services import FAST, FULL
from story import Story
from tables import print_bill, print_clients, print_moves

HERE = pathlib.Path(__file__).resolve().parent
END_LIMIT_S = 90  # For the last instance to end after the last guest is deleted.


def programme(scenes):
    """(name, what it is, what to do, limit in seconds)."""
    return [
        ("start", "guests on the cheapest sound spot capacity", scenes.start, 240),
        ("cheaper", "another pool becomes much cheaper", scenes.cheaper, 150),
        ("notice", "the cloud wants a node back, in 120 s", scenes.notice, 115),
        ("price", "the price of the guests' pool nears their maximum", scenes.price, 150),
        ("on-demand", "all spot capacity is gone", scenes.on_demand, 150),
        ("return", "spot capacity is back", scenes.return_to_spot, 180),
        ("drain", "a node is emptied by hand", scenes.drain, 150),
    ]


def play(scenes, story, record):
    """A scene needs the ones before it: the first that does not happen is the last."""
    going = True
    for name, text, act, limit_s in programme(scenes):
        if not going:
            break
        began = time.time()
        going = story.play(name, text, act, limit_s)
        record.scenes.append([name, began, time.time(), going])
        if name == "cheaper" and going:
            scenes.calm()
    story.finish()


def settle(product, story, services):
    """Deletes the groups, waits until no instance runs, and reads both bills."""
    print("\nbill: the groups are deleted, the fleet ends its nodes", file=story.out, flush=True)
    for service in services:
        product.delete(service.name)

    def ended():
        live = [i for i in product.cloud_status()["instances"] if i["state"] != "terminated"]
        return not live

    story.wait("all instances ended", ended, time.monotonic() + END_LIMIT_S * story.pace)
    # What the cloud has ended, the ledger has heard of a moment later.
    bill = product.bill()
    until = time.monotonic() + 20 * story.pace

    def settled():
        ledger = product.ledger()
        return ledger if all(i.get("end") for i in ledger["items"]) or \
            time.monotonic() >= until else None

    ledger = story.wait("the ledger is closed", settled, until + 5)
    return ledger, bill


def perform(product, scenes, story, record, services):
    """The whole show; the result as issue and page want it."""
    ledger = bill = None
    guests, moves, why = {}, [], ""
    play(scenes, story, record)
    for client in scenes.clients.values():
        client.end()
    try:
        guests = product.guests()
        moves = add_gaps(moves_of(product.moves()), scenes.clients)
        record.add_moves(moves)
        if scenes.clients:
            ledger, bill = settle(product, story, services)
    except Exception as error:  # A show that fails here still says what it has seen.
        why = f"{type(error).__name__}: {error}"
    result = {
        "scenes": [{"name": s.name, "happened": s.happened, "why": s.why,
                    "seconds": round(s.seconds, 1)} for s in story.scenes],
        "moves": moves, "clients": clients_of(scenes.clients),
        "bill": bill_of(ledger, bill) if bill else None,
        "lost_guests": lost_guests(scenes.wanted, guests, moves),
        "ledger": ledger, "error": why}
    played = {s.name for s in story.scenes}
    result["scenes"] += [{"name": n, "happened": False, "why": "not tried", "seconds": 0}
                         for n, *_ in programme(scenes) if n not in played]
    return result


def report(result, record, options, out=sys.stdout):
    print_moves(result["moves"], out)
    print_clients(result["clients"], out)
    print_bill(result["bill"], result["ledger"], out)
    problems = faults(result) + ([result["error"]] if result["error"] else [])
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    if options.page:
        pathlib.Path(options.page).write_text(page.render(result, record.as_json()))
        print(f"\n  page: {options.page}", file=out)
    for problem in problems:
        print(f"  NOT GOOD: {problem}", file=out)
    print("\n  " + ("all is well" if not problems else "the demo failed"), file=out, flush=True)
    return 1 if problems else 0


def import_images(product, services, folder, store):
    """Base images of the archives FOLDER/NAME.oci.tar, in the directory `store`."""
    pathlib.Path(store).mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as several:
        hashes = several.map(
            lambda s: product.import_image(pathlib.Path(folder) / f"{s.name}.oci.tar", store),
            services)
        return {s.name: sha256 for s, sha256 in zip(services, hashes)}


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--build", required=True, help="build directory with the godwit command")
    parser.add_argument("--images", required=True, help="directory with NAME.oci.tar")
    parser.add_argument("--state", required=True, help="directory of `godwit up`")
    parser.add_argument("--market", default=HERE / "market.json")
    parser.add_argument("--fast", action="store_true", help="redis and nginx only")
    parser.add_argument("--json")
    parser.add_argument("--page")
    options = parser.parse_args(arguments)
    services = FAST if options.fast else FULL
    # SIGINT too: who starts it in the background of a script has had it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        product = Product(built(options.build))
    except ProductError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    story, record = Story(), Record()
    print("Godwit: containers on a spot market, moved live\n")
    try:
        place = product.up(options.state, options.market)
        story.say(f"cloud, control plane and gateway are up; API at {place['server']}")
        store = place.get("images") or f"{options.state}/images"
        images = import_images(product, services, options.images, store)
        story.say(f"images imported: {', '.join(images)}")
        scenes = Scenes(product, story, record, services, images, store)
        market = json.loads(pathlib.Path(options.market).read_text())
        scenes.hour_s = market.get("billing", {}).get("period_s", 3600)
        return report(perform(product, scenes, story, record, services), record, options)
    except ProductError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted, cleaning up", file=sys.stderr)
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # Cleaning up is short and is not interrupted.
        try:
            product.down(options.state)
        except ProductError as error:
            print(f"demo: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
