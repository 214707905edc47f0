"""The tables at the end of a run."""


def number(value, digits=0, unit=""):
    return "-" if value is None else f"{value:,.{digits}f}{unit}"


def print_table(head, rows, out):
    texts = [head, *rows]
    widths = [max(len(r[i]) for r in texts) for i in range(len(head))]
    for row in texts:
        cells = [c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip(), file=out)


def move_row(move):
    return [move["guest"], move["reason"], move["source"] or "-", move["destination"],
            move["mechanism"], number(move["bytes"] / 1e6, 1), number(move["total_ms"]),
            number(move["downtime_ms"], 1), number(move["client_gap_ms"])]


MOVE_HEAD = ["guest", "reason", "from", "to", "how", "MB", "total ms", "downtime ms",
             "client gap ms"]


def print_moves(moves, out):
    print("\nmoves", file=out)
    if moves:
        print_table(MOVE_HEAD, [move_row(m) for m in moves], out)
    else:
        print("  none", file=out)


def print_clients(clients, out):
    print("\nclients, one TCP connection each", file=out)
    for c in clients:
        print(f"  {c['name']}: {c['replies']:,} replies, {c['wrong']} wrong, {c['reconnects']} "
              f"reconnects, longest gap {c['gap_ms_max']:.0f} ms", file=out)


def dollars(micro_usd):
    return f"${micro_usd / 1e6:.6f}"


def bill_rows(bill, ledger):
    """(what, amount) of the comparison."""
    saving = bill["on_demand_micro_usd"] - bill["paid_micro_usd"]
    part = f" ({100 * saving / bill['on_demand_micro_usd']:.1f} %)" \
        if bill["on_demand_micro_usd"] else ""
    return [("paid, by Godwit's ledger", dollars(bill["paid_micro_usd"])),
            ("the cloud's bill", dollars(bill["cloud_micro_usd"])),
            (f"plain on-demand would have been{ledger_note(ledger)}",
             dollars(bill["on_demand_micro_usd"])),
            ("saving", dollars(saving) + part)]


def ledger_note(ledger):
    of = (ledger or {}).get("on_demand_of")
    return f" ({of})" if of else ""


def print_bill(bill, ledger, out):
    print("\nbill", file=out)
    if not bill:
        print("  none", file=out)
        return
    for what, amount in bill_rows(bill, ledger):
        print(f"  {what}: {amount}", file=out)
