"""The page of a run: one file of HTML with inline SVG, no script, nothing from outside.

It is well-formed XML too, so that a test can read it.
"""

from html import escape

from chart import draw, pool_of, stays_of
from tables import MOVE_HEAD, bill_rows, move_row

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2227; --dim: #5c6871; --grid: #e3e7ea;
  --node: #eef1f3; --band: #f6f8f9; --pool: #8a98a3; --lived: #1c2227; --bad: #b3261e;
  --g0: #0b6e99; --g1: #b3541e; --g2: #557a14; --g3: #7a4aa8; --g4: #9a7200; --g5: #a33a6b; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --ink: #e6eaed; --dim: #9aa7b0;
  --grid: #2b3338; --node: #20272b; --band: #191f22; --pool: #6d7b85; --lived: #f3f6f8;
  --bad: #ff8a80; --g0: #62bbe6; --g1: #f09a63; --g2: #a3cf55; --g3: #c39bea; --g4: #dcb53c;
  --g5: #ee8fbc; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  max-width: 1160px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; } caption { text-align: left; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; border-bottom: 1px solid var(--grid); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg text { fill: var(--ink); } svg .dim { fill: var(--dim); font-size: 11px; }
svg .head { font-weight: 600; } svg .gap { fill: var(--paper); font-size: 10px; }
.scene0 { fill: var(--band); } .scene1 { fill: none; } .node { fill: var(--node); }
line.grid { stroke: var(--grid); } line.axis { stroke: var(--dim); }
line.ondemand { stroke: var(--bad); stroke-dasharray: 6 4; }
polyline { fill: none; } .pool { stroke: var(--pool); stroke-width: 1.2; }
.faint { opacity: .35; } .lived { stroke: var(--lived); stroke-width: 3.5; }
.link { stroke-width: 1.6; } .bad { color: var(--bad); font-weight: 600; }
""" + "\n".join(f"rect.g{n}, .k{n} {{ fill: var(--g{n}); }} .l{n} {{ stroke: var(--g{n}); }}"
                for n in range(6))


def table(caption, head, rows, numbers_from):
    """Cells from column `numbers_from` on are figures."""
    def cell(tag, number, value):
        css = ' class="n"' if number >= numbers_from else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{css}{scope}>{escape(str(value))}</{tag}>"

    lines = ["<tr>" + "".join(cell("th", i, h) for i, h in enumerate(head)) + "</tr>"]
    lines += ["<tr>" + "".join(cell("td", i, v) for i, v in enumerate(row)) + "</tr>"
              for row in rows]
    return f'<div class="wide"><table><caption>{escape(caption)}</caption>\n' + \
        "\n".join(lines) + "\n</table></div>"


def key(guests):
    """Which colour is which guest."""
    parts = [f'<svg class="key" width="14" height="14" style="width:14px" aria-hidden="true">'
             f'<rect class="k{n % 6}" y="1" width="12" height="12" rx="2"/></svg> {escape(g)}'
             for n, g in enumerate(guests)]
    return "<p>" + "&#160;&#160; ".join(parts) + "</p>"


def tables(result, run):
    since = run["began"]
    out = [table("Scenes", ["scene", "happened", "why not", "seconds"],
                 [[s["name"], "yes" if s["happened"] else "no", s["why"], f"{s['seconds']:.0f}"]
                  for s in result["scenes"]], 3),
           table("Moves", MOVE_HEAD, [move_row(m) for m in result["moves"]], 5),
           table("Clients, one TCP connection each",
                 ["client", "replies", "wrong", "reconnects", "longest gap ms"],
                 [[c["name"], f"{c['replies']:,}", c["wrong"], c["reconnects"],
                   f"{c['gap_ms_max']:.0f}"] for c in result["clients"]], 1),
           table("Where each guest lived", ["guest", "node", "pool", "from s", "until s"],
                 [[g, n, pool_of(run, n), f"{a - since:.1f}", f"{b - since:.1f}"]
                  for g, n, a, b in stays_of(run)], 3),
           table("Prices of the pools", ["pool", "changes", "first USD/h", "lowest", "highest"],
                 [[p, len(s), s[0][1], min(u for _, u in s), max(u for _, u in s)]
                  for p, s in sorted(run["prices"].items())], 1)]
    if result["bill"]:
        out.insert(0, table("Bill", ["what", "amount"], bill_rows(result["bill"],
                                                                  result["ledger"]), 1))
    return out


def render(result, run):
    """The page's text."""
    good = all(s["happened"] for s in result["scenes"])
    verdict = "All scenes happened." if good else \
        '<span class="bad">Not all scenes happened.</span>'
    parts = ["<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8"/>',
             '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
             "<title>Godwit: a run of the demo</title>", f"<style>{STYLE}</style>", "</head>",
             "<body>", "<h1>Godwit: containers on a spot market, moved live</h1>",
             f"<p>{verdict} {len(result['moves'])} moves in "
             f"{run['ended'] - run['began']:.0f} seconds, {result['lost_guests']} guests lost. "
             "Prices are of the local cloud, which replays real ones; where the operator set them "
             "for a scene, the output of the demo said so.</p>",
             key(sorted(run["places"])), draw(result, run), "<h2>The same in figures</h2>",
             *tables(result, run), "</body>", "</html>"]
    return "\n".join(parts) + "\n"
