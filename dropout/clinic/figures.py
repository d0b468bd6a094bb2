"""Figures as inline SVG, drawn narrow enough to be read on a telephone.

Colours are told apart by people with any kind of colour vision (Okabe and Ito), and nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from markupsafe import Markup

from dropout.clinic.phrases import counted, percent
from dropout.clinic.silence import DAYS_TOLD, LAST_DAY, Typical
from dropout.clinic.track_record import Group, Line

WIDTH, HEIGHT = 360, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 344, 14, 278
BLUE = "#0a5a8f"
OTHERS = ("#b3470a", "#00694e", "#6b3d78", "#5b5f66")
DASHES = ("6 3", "2 3", "9 3 2 3", "4 4")
INK, GRID = "#3d444d", "#d9dee3"


def calibration(groups: Sequence[Group]) -> Markup:
    """Chance given against share to whom it happened, with 95% intervals; the diagonal is where they agree."""
    largest = max([0.2, *(max(group.predicted, group.high) for group in groups)])
    step = 0.1 if largest <= 0.5 else 0.2
    top = step * ceil(largest / step - 1e-9)
    ticks = [step * i for i in range(round(top / step) + 1)]

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * value / top

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / top

    parts = [_axes([(x(tick), percent(tick)) for tick in ticks], [(y(tick), percent(tick)) for tick in ticks],
                   "chance given", "how often it happened")]
    parts.append(Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-dasharray="4 4"/>')
                 .format(x(0), y(0), x(top), y(top), INK))
    for group in groups:
        parts.append(Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}" stroke="{3}" stroke-width="2"/>')
                     .format(x(group.predicted), y(group.low), y(group.high), BLUE))
    parts += [Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="{}" stroke="#fff" stroke-width="1.5"/>')
              .format(x(group.predicted), y(group.observed), BLUE) for group in groups]
    told = "; ".join(f"of {counted(group.n, 'chance')} of about {percent(group.predicted)}, "
                     f"{percent(group.observed)} came true" for group in groups)
    return _figure(f"Chance given against share to whom it happened: {told}.", parts)


def calls(lines: Sequence[Line]) -> Markup:
    """Clients found with so many calls, by each way of choosing whom to call; the lines share their calls."""
    most_calls = max(line.calls[-1] for line in lines)
    most_found = max([1.0, *(max(line.found) for line in lines)])
    x_step, y_step = _step(most_calls), _step(most_found)
    top = y_step * ceil(most_found / y_step - 1e-9)

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * value / most_calls

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / top

    x_ticks = [x_step * i for i in range(int(most_calls / x_step + 1e-9) + 1)]
    y_ticks = [y_step * i for i in range(round(top / y_step) + 1)]
    parts = [_axes([(x(tick), f"{tick:g}") for tick in x_ticks], [(y(tick), f"{tick:g}") for tick in y_ticks],
                   "calls", "clients found")]
    for line, (colour, dash) in reversed(list(zip(lines, _strokes(lines), strict=True))):
        points = " ".join(f"{x(call):.1f},{y(found):.1f}" for call, found in zip(line.calls, line.found, strict=True))
        parts.append(Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="{}" stroke-dasharray="{}"/>')
                     .format(points, colour, 3 if line.is_model else 2, dash or "none"))
    told = "; ".join(f"{line.name} finds {line.found[-1]:.1f} with {line.calls[-1]:g} calls" for line in lines)
    return _figure(f"Clients found by number of calls: {told}.", parts)


def silence(curves: Sequence[Typical]) -> Markup:
    """Chance of never coming again by days of silence; half of the clients lie in the band around each line."""
    def x(day: float) -> float:
        return LEFT + (RIGHT - LEFT) * day / LAST_DAY

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value

    def points(values: Sequence[float], backwards: bool = False) -> str:
        there = [f"{x(day):.1f},{y(value):.1f}" for day, value in enumerate(values)]
        return " ".join(reversed(there) if backwards else there)

    parts = [_axes([(x(day), str(day)) for day in range(0, LAST_DAY + 1, 10)],
                   [(y(share), percent(share)) for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)],
                   "days of silence", "chance of never coming again")]
    strokes = [silence_stroke(i) for i in range(len(curves))]
    parts += [Markup('<polygon points="{} {}" fill="{}" fill-opacity="0.13"/>')
              .format(points(curve.high), points(curve.low, backwards=True), colour)
              for curve, (colour, _) in zip(curves, strokes, strict=True)]
    parts += [Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2.5" stroke-dasharray="{}"/>')
              .format(points(curve.middle), colour, dash or "none")
              for curve, (colour, dash) in reversed(list(zip(curves, strokes, strict=True)))]
    told = "; ".join(f"{curve.name}: " + ", ".join(f"{percent(curve.middle[day])} after {counted(day, 'day')}"
                                                  for day in DAYS_TOLD) for curve in curves)
    return _figure(f"Chance of never coming again, by days of silence, for the client in the middle: {told}.", parts)


def silence_stroke(i: int) -> tuple[str, str]:
    """Colour and dash of a line of `silence`."""
    return ((BLUE, ""), *zip(OTHERS, DASHES, strict=True))[i]


def silence_sample(i: int) -> Markup:
    """A piece of a line of `silence`, for a key."""
    colour, dash = silence_stroke(i)
    return Markup('<svg width="34" height="10" aria-hidden="true"><line x1="1" x2="33" y1="5" y2="5" stroke="{}" '
                  'stroke-width="2.5" stroke-dasharray="{}"/></svg>').format(colour, dash or "none")


def key(lines: Sequence[Line]) -> Markup:
    """The names of the lines of `calls`, each beside its stroke."""
    items = [Markup('<li><svg width="34" height="10" aria-hidden="true"><line x1="1" x2="33" y1="5" y2="5" stroke="{}" '
                    'stroke-width="{}" stroke-dasharray="{}"/></svg> {}</li>')
             .format(colour, 3 if line.is_model else 2, dash or "none", line.name)
             for line, (colour, dash) in zip(lines, _strokes(lines), strict=True)]
    return Markup('<ul class="key">') + Markup("").join(items) + Markup("</ul>")


def _strokes(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Colour and dash of each line: blue and whole for the model, another pair for each of the others."""
    strokes, other = [], 0
    for line in lines:
        if line.is_model:
            strokes.append((BLUE, ""))
        else:
            strokes.append((OTHERS[other % len(OTHERS)], DASHES[other % len(DASHES)]))
            other += 1
    return strokes


def _axes(
    x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]], x_name: str, y_name: str
) -> Markup:
    parts = [Markup('<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="{}"/><text x="{}" y="{:.1f}" '
                    'text-anchor="end">{}</text>').format(LEFT, RIGHT, at, at, GRID, LEFT - 7, at + 4, label)
             for at, label in y_ticks]
    parts += [Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(at, BOTTOM + 18, label)
              for at, label in x_ticks]
    parts.append(Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}"/>').format(LEFT, RIGHT, BOTTOM, BOTTOM, INK))
    parts.append(Markup('<text x="{:.1f}" y="{}" text-anchor="middle" class="axis">{}</text>')
                 .format((LEFT + RIGHT) / 2, BOTTOM + 42, x_name))
    parts.append(Markup('<text x="{0}" y="{1:.1f}" text-anchor="middle" class="axis" '
                        'transform="rotate(-90 {0} {1:.1f})">{2}</text>').format(14, (TOP + BOTTOM) / 2, y_name))
    return Markup("").join(parts)


def _figure(told: str, parts: Sequence[Markup]) -> Markup:
    begin = Markup('<svg class="figure" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, told)
    return begin + Markup("").join(parts) + Markup("</svg>")


def _step(largest: float) -> float:
    """A round distance between ticks, so that there are three to six."""
    size = 0.1
    while True:
        for one in (size, 2 * size, 5 * size):
            if largest / one <= 6:
                return one
        size *= 10
