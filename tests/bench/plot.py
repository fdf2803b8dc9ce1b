"""Draws throughput and CPU time over operations in flight."""

WIDTH, HEIGHT = 420, 300
LEFT, TOP, RIGHT, BOTTOM = 60, 50, 20, 50
COLOURS = {"azkv": "#0b62c4", "wrk": "#888888"}


def steps(most):
    """Round numbers from 0 to above `most`, a handful."""
    step = next(s for e in range(9) for s in (10**e, 2 * 10**e, 5 * 10**e) if s * 6 > most)
    return [step * i for i in range(int(most / step) + 2)]


def panel(at, title, xs, series):
    """One diagram, `at` this distance from the left; its x axis is logarithmic."""
    marks = steps(max(max(ys) for ys in series.values()))
    x = lambda i: at + LEFT + i * (WIDTH - LEFT - RIGHT) / (len(xs) - 1)
    y = lambda v: HEIGHT - BOTTOM - v * (HEIGHT - TOP - BOTTOM) / marks[-1]
    yield f'<text x="{at + LEFT}" y="{TOP - 24}" font-weight="bold">{title}</text>'
    for mark in marks:
        yield f'<path d="M{x(0)} {y(mark):.1f}H{x(len(xs) - 1)}" stroke="#dddddd"/>'
        yield f'<text x="{x(0) - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:,}</text>'
    for i, n in enumerate(xs):
        yield f'<text x="{x(i):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{n}</text>'
    yield f'<text x="{(x(0) + x(len(xs) - 1)) / 2}" y="{HEIGHT - 12}" text-anchor="middle">in flight</text>'
    for number, (name, ys) in enumerate(series.items()):
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(ys))
        yield f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>'
        for point in points.split():
            px, py = point.split(",")
            yield f'<circle cx="{px}" cy="{py}" r="3" fill="{COLOURS[name]}"/>'
        right = at + WIDTH - RIGHT - 50 * number
        yield f'<text x="{right}" y="{TOP - 24}" text-anchor="end" fill="{COLOURS[name]}">{name}</text>'


def write(path, in_flight, measured):
    """`measured(client, in_flight, what)` is a number."""
    series = lambda what: {client: [measured(client, n, what) for n in in_flight] for client in COLOURS}
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT}" '
                f'viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11" fill="#222222">\n'
                '<rect width="100%" height="100%" fill="#ffffff"/>\n')
        for line in (*panel(0, "get, a second", in_flight, series("per_second")),
                     *panel(WIDTH, "CPU time of a get, us", in_flight, series("cpu_us"))):
            f.write(line + "\n")
        f.write("</svg>\n")
