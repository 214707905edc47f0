"""The drawing of a run as SVG: prices of the pools, and where each guest lived."""

import math
from html import escape

WIDTH, LEFT, RIGHT = 1120, 210, 150
BAND, PRICES, GAP, ROW = 26, 230, 44, 17


class Scale:
    """Seconds since the epoch to x, and back to words."""

    def __init__(self, began, ended):
        self.began, self.seconds = began, max(ended - began, 1.0)

    def x(self, at):
        part = min(max((at - self.began) / self.seconds, 0), 1)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def step(self):
        return next(s for s in (10, 30, 60, 120, 300, 600, 3600, 1e9) if self.seconds / s <= 14)


def text(x, y, words, css="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">' \
        f"{escape(words)}</text>"


def line(x1, y1, x2, y2, css):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def stays_of(run):
    """[(guest, node, from, until)] of each guest's life, in order."""
    out = []
    for guest, places in run["places"].items():
        ends = [at for at, _ in places[1:]] + [run["ended"]]
        out += [(guest, node, at, end) for (at, node), end in zip(places, ends)]
    return out


def pool_of(run, node):
    known = run["nodes"].get(node, {})
    return f"{known.get('type', '?')}/{known.get('zone', '?')}"


def used_pools(run):
    return {pool_of(run, node) for _, node, *_ in stays_of(run)
            if run["nodes"].get(node, {}).get("spot")}


def scenes_band(run, scale, height):
    out = []
    for number, (name, began, ended, happened) in enumerate(run["scenes"]):
        x, width = scale.x(began), scale.x(ended) - scale.x(began)
        out.append(f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{height}" '
                   f'class="scene{number % 2}"/>')
        out.append(text(x + width / 2, 17, name if happened else f"{name} (failed)", "label",
                        "middle"))
    return out


def steps(series, scale, y, ended):
    """A price holds until the next one."""
    points = []
    for number, (at, usd) in enumerate(series):
        until = series[number + 1][0] if number + 1 < len(series) else ended
        points += [(scale.x(at), y(usd)), (scale.x(until), y(usd))]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in points)


def clip(series, began, until):
    """The part of a series inside [began, until], beginning with what held at its start."""
    before = [usd for at, usd in series if at <= began]
    inside = [[at, usd] for at, usd in series if began < at < until]
    first = before[-1] if before else (series[0][1] if series else None)
    return ([[began, first]] if first is not None else []) + inside


def price_panel(run, scale, top):
    used = used_pools(run)
    types = {p.split("/")[0] for p in used}
    shown = {p: s for p, s in run["prices"].items() if p.split("/")[0] in types} or run["prices"]
    dashed = {t: usd for t, usd in run["on_demand"].items() if t in types}
    highest = max([usd for s in shown.values() for _, usd in s] + [*dashed.values(), 0.001])
    tick = 10 ** math.floor(math.log10(highest))
    tick = tick if highest / tick >= 3 else tick / 5
    bottom = top + PRICES

    def y(usd):
        return bottom - usd / (highest * 1.05) * PRICES

    out = [text(0, top + 12, "price of a pool", "head"),
           text(0, top + 28, "USD per hour of the market", "dim"),
           text(0, top + 46, "thick: guests lived there", "dim")]
    for number in range(int(highest * 1.05 / tick) + 1):
        out.append(line(LEFT, y(number * tick), WIDTH - RIGHT, y(number * tick), "grid"))
        out.append(text(LEFT - 6, y(number * tick) + 4, f"{number * tick:.4g}", "dim", "end"))
    for kind, usd in sorted(dashed.items()):
        out.append(line(LEFT, y(usd), WIDTH - RIGHT, y(usd), "ondemand"))
        out.append(text(WIDTH - RIGHT + 5, y(usd) + 4, f"on-demand {kind}", "dim"))
    heights = []
    for pool, series in sorted(shown.items(), key=lambda item: item[1][-1][1]):
        css = "pool" if pool in used else "pool faint"
        out.append(f'<polyline points="{steps(series, scale, y, run["ended"])}" class="{css}">'
                   f"<title>{escape(pool)}</title></polyline>")
        if pool in used:
            at = min([y(series[-1][1]) + 4] + [h - 12 for h in heights[-1:]])
            heights.append(at)
            out.append(text(WIDTH - RIGHT + 5, at, pool, "dim"))
    for guest, node, began, until in stays_of(run):
        series = run["prices"].get(pool_of(run, node))
        if run["nodes"].get(node, {}).get("spot") and series:
            part = steps(clip(series, began, until), scale, y, until)
            out.append(f'<polyline points="{part}" class="lived">'
                       f"<title>{escape(guest)} on {escape(node)}</title></polyline>")
    return out


def lanes(run, result, scale, top):
    """(svg, height): a lane per node, in it a bar per guest, and what links them: the moves."""
    stays = stays_of(run)
    guests = sorted(run["places"])
    nodes = sorted({n for _, n, *_ in stays}, key=lambda n: min(s[2] for s in stays if s[1] == n))
    height = len(guests) * ROW + 12
    out = [text(0, top - 10, "where each guest lived", "head")]

    def bar_y(node, guest):
        return top + nodes.index(node) * height + 6 + guests.index(guest) * ROW

    for number, node in enumerate(nodes):
        y, known = top + number * height, run["nodes"].get(node, {})
        kind = "spot" if known.get("spot") else "on-demand"
        out.append(line(0, y, WIDTH - RIGHT, y, "grid"))
        out.append(text(0, y + 15, node, "label"))
        out.append(text(0, y + 30, f"{pool_of(run, node)} {kind}", "dim"))
        if "seen_first" in known:
            x = scale.x(known["seen_first"])
            out.append(f'<rect x="{x:.1f}" y="{y + 3}" height="{height - 6}" class="node" '
                       f'width="{scale.x(known["seen_last"]) - x:.1f}"/>')
    for guest, node, began, until in stays:
        x = scale.x(began)
        out.append(f'<rect x="{x:.1f}" y="{bar_y(node, guest)}" height="{ROW - 4}" rx="2" '
                   f'width="{max(scale.x(until) - x, 2):.1f}" class="g{guests.index(guest) % 6}">'
                   f"<title>{escape(guest)} on {escape(node)}</title></rect>")
    for move in result["moves"]:
        if not move["resume"] or move["source"] not in nodes or move["guest"] not in guests:
            continue
        x, css = scale.x(move["resume"]), f"link l{guests.index(move['guest']) % 6}"
        out.append(f'<g class="move">{move_title(move)}')
        out.append(line(x, bar_y(move["source"], move["guest"]) + ROW / 2 - 2, x,
                        bar_y(move["destination"], move["guest"]) + ROW / 2 - 2, css))
        if move["client_gap_ms"] is not None:
            until = next((s[3] for s in stays if s[0] == move["guest"] and s[2] == move["resume"]),
                         move["resume"])
            fits = scale.x(until) - x > 50  # Inside its bar, or on the paper.
            out.append(text(x + 3, bar_y(move["destination"], move["guest"]) + 10,
                            f"{move['client_gap_ms']:.0f} ms", "gap" if fits else "dim"))
        out.append("</g>")
    return out, len(nodes) * height


def move_title(move):
    gap = "" if move["client_gap_ms"] is None else \
        f", its client waited {move['client_gap_ms']:.0f} ms"
    return f"<title>{escape(move['guest'])}: {escape(move['reason'])}, " \
        f"{escape(str(move['source']))} to {escape(move['destination'])}, " \
        f"{escape(move['mechanism'])}{gap}</title>"


def draw(result, run):
    """The whole drawing; `run` is Record.as_json()."""
    scale = Scale(run["began"], run["ended"])
    top = BAND + 14
    lanes_top = top + PRICES + GAP
    bars, lanes_height = lanes(run, result, scale, lanes_top)
    bottom = lanes_top + lanes_height
    body = scenes_band(run, scale, bottom) + price_panel(run, scale, top) + bars
    for number in range(int(scale.seconds / scale.step()) + 1):
        seconds = number * scale.step()
        x = scale.x(run["began"] + seconds)
        body.append(line(x, top + PRICES, x, top + PRICES + 5, "axis"))
        body.append(text(x, bottom + 16, f"{seconds:.0f} s", "dim", "middle"))
    what = f"{len(run['places'])} guests, {len(result['moves'])} moves. The tables below say the " \
        "same in words and figures."
    return "\n".join([
        f'<svg viewBox="0 0 {WIDTH} {bottom + 26}" role="img" aria-labelledby="t d">',
        '<title id="t">Prices of the pools over the run, and where each guest lived</title>',
        f'<desc id="d">{escape(what)}</desc>', *body, "</svg>"])
