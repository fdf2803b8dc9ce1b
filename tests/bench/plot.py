"""Draws diagrams side by side, as SVG."""

WIDTH, HEIGHT = 420, 300
LEFT, TOP, RIGHT, BOTTOM = 60, 50, 20, 50
COLOURS = ("#0b62c4", "#888888", "#c4510b", "#2b8a3e")


def steps(most):
    """Round numbers from 0 to above `most`, a handful."""
    step = next(s for e in range(9) for s in (10**e, 2 * 10**e, 5 * 10**e) if s * 6 > most)
    return [step * i for i in range(int(most / step) + 2)]


def panel(at, title, axis, xs, series):
    """One diagram, `at` this distance from the left; its x values are evenly spaced."""
    marks = steps(max(max(ys) for ys in series.values()))
    x = lambda i: at + LEFT + i * (WIDTH - LEFT - RIGHT) / (len(xs) - 1)
    y = lambda v: HEIGHT - BOTTOM - v * (HEIGHT - TOP - BOTTOM) / marks[-1]
    yield f'<text x="{at + LEFT}" y="{TOP - 24}" font-weight="bold">{title}</text>'
    for mark in marks:
        yield f'<path d="M{x(0)} {y(mark):.1f}H{x(len(xs) - 1)}" stroke="#dddddd"/>'
        yield f'<text x="{x(0) - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:,}</text>'
    for i, n in enumerate(xs):
        yield f'<text x="{x(i):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{n}</text>'
    yield f'<text x="{(x(0) + x(len(xs) - 1)) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{axis}</text>'
    for number, (name, ys) in enumerate(series.items()):
        colour = COLOURS[number]
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(ys))
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for point in points.split():
            px, py = point.split(",")
            yield f'<circle cx="{px}" cy="{py}" r="3" fill="{colour}"/>'
        right = at + WIDTH - RIGHT - 50 * number
        yield f'<text x="{right}" y="{TOP - 24}" text-anchor="end" fill="{colour}">{name}</text>'


def write(path, *panels):
    """Each panel is its title, the name of its x axis, the x values, and a list of y values for each name."""
    with open(path, "w") as f:
        width = len(panels) * WIDTH
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
                f'viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="11" fill="#222222">\n'
                '<rect width="100%" height="100%" fill="#ffffff"/>\n')
        for number, one in enumerate(panels):
            for line in panel(number * WIDTH, *one):
                f.write(line + "\n")
        f.write("</svg>\n")
