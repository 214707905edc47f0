#!/usr/bin/env python3
"""try_client.py PROTOCOL ADDRESS PORT: one client, until SIGTERM or SIGINT.

Prints a line "open" once its connection is, and at the end its tally as JSON. Ends with 0 if there
were replies, and none wrong or lost.
"""

import dataclasses
import json
import signal
import sys
import threading

import clients


def main(protocol, address, port):
    client = clients.Client(protocol, clients.PROTOCOLS[protocol](), address, int(port))
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    client.start()
    said = False
    while not asked_to_end.wait(0.1):
        if client.opened.is_set() and not said:
            print("open", flush=True)
            said = True
    client.end()
    tally = client.tally()
    print(json.dumps(dataclasses.asdict(tally)), flush=True)
    return 0 if tally.replies and not tally.wrong and not tally.reconnects else 1


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in clients.PROTOCOLS:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
