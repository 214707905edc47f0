"""What a run came to: moves, clients, bill, and whether it was good."""

from clients import gap_around

# A client that heard nothing for so long did notice. Moves take well below a second, on a busy
# machine some; this is no measurement but the mark of a way that was lost.
GAP_MS_MAX = 10_000


def moves_of(moves):
    """The finished moves of `godwit get moves -o json`, in order, in the demo's words."""
    out = []
    for move in sorted(moves, key=lambda m: int(m["number"])):
        if move["state"] != "DONE":
            continue
        stop, resume = (int(move.get(f, 0)) / 1e6 for f in ("stopped_us", "resumed_us"))
        out.append({
            "guest": move["guest"], "reason": move["reason"], "source": move["source"],
            "destination": move["destination"],
            "mechanism": "live" if move["live"] else "restart", "bytes": int(move["bytes"]),
            "total_ms": move.get("total_ms"), "downtime_ms": move.get("downtime_ms"),
            "stop": stop or None, "resume": resume or None})
    return out


def add_gaps(moves, clients):
    """What each guest's client saw of each move; None where it was not there on both sides."""
    times = {name: client.reply_times() for name, client in clients.items()}
    for move in moves:
        gap = None
        if move["stop"] and move["resume"]:
            gap = gap_around(times.get(move["guest"], []), move["stop"], move["resume"])
        move["client_gap_ms"] = None if gap is None else round(gap * 1e3, 1)
    return moves


def clients_of(clients):
    rows = []
    for name, client in clients.items():
        tally = client.tally()
        rows.append({"name": name, "replies": tally.replies, "wrong": tally.wrong,
                     "reconnects": tally.reconnects,
                     "gap_ms_max": round(tally.gap_s_max * 1e3, 1),
                     "first_wrong": tally.first_wrong})
    return rows


def lost_guests(wanted, guests, moves):
    """Guests that do not run, or whose memory was lost on the way."""
    lost = {name for name in wanted
            if guests.get(name, {}).get("phase") not in ("RUNNING", "MOVING")}
    lost |= {m["guest"] for m in moves if m["mechanism"] != "live"}
    lost |= {n for n, g in guests.items() if g.get("container", {}).get("runs", 0) > 1}
    return len(lost)


def bill_of(ledger, bill):
    return {"paid_micro_usd": int(ledger["paid_micro_usd"]),
            "cloud_micro_usd": int(bill["total_micro_usd"]),
            "on_demand_micro_usd": int(ledger["on_demand_micro_usd"])}


def faults(result):
    """Why the run is not good; empty if it is."""
    out = [f"scene {s['name']} did not happen: {s['why']}" for s in result["scenes"]
           if not s["happened"]]
    if not result["clients"]:
        out.append("no client")
    for client in result["clients"]:
        if not client["replies"]:
            out.append(f"client {client['name']} had no reply")
        if client["wrong"] or client["reconnects"]:
            out.append(f"client {client['name']}: {client['wrong']} wrong, {client['reconnects']} "
                       f"reconnects, first: {client['first_wrong']}")
        if client["gap_ms_max"] > GAP_MS_MAX:
            out.append(f"client {client['name']} heard nothing for {client['gap_ms_max']:.0f} ms")
    if result["lost_guests"]:
        out.append(f"{result['lost_guests']} guests were lost")
    bill = result["bill"]
    if bill is None:
        out.append("no bill")
    else:
        if bill["paid_micro_usd"] != bill["cloud_micro_usd"]:
            out.append(f"the ledger says {bill['paid_micro_usd']} micro-dollars, the cloud's bill "
                       f"{bill['cloud_micro_usd']}")
        if bill["paid_micro_usd"] > bill["on_demand_micro_usd"]:
            out.append(f"paid {bill['paid_micro_usd']} micro-dollars, more than on-demand's "
                       f"{bill['on_demand_micro_usd']}")
    return out
