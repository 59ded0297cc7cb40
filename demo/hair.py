"""Hair: each style is an outline behind the head, one before it, and strands; in the head's units (see `faces`)."""

from dataclasses import dataclass, field

import numpy as np

from demo.ink import Pen, both_sides, curve, ellipse, locks, mirrored, shifted
from demo.palette import Color, lit, shaded


@dataclass(frozen=True)
class HairStyle:
    """Closed outlines (N, 2). `behind` is drawn before the body, `front` over the forehead."""

    front: np.ndarray
    behind: tuple[np.ndarray, ...] = ()
    strands: tuple[tuple[tuple[float, float], ...], ...] = ()
    shine: float = -0.62  # height of the band of light
    buns: tuple[np.ndarray, ...] = field(default=())


_CROWN = [(-0.98, 0.12), (-1.04, -0.3), (-0.92, -0.76), (-0.55, -1.12), (0, -1.24), (0.55, -1.12), (0.92, -0.76),
          (1.04, -0.3), (0.98, 0.12)]  # fmt: skip


def _cap(fringe: list[tuple[float, float]], *, bow: float = 0.16, crown: list | None = None) -> np.ndarray:
    """The hair over the skull: the crown from left to right, then the fringe's tips back from right to left."""
    arch = curve(crown or _CROWN)
    start, end = tuple(arch[-1]), tuple(arch[0])
    return np.concatenate([arch, locks([start, *fringe, end], bow=bow)])


def _spiky() -> HairStyle:
    crown = [(-1.0, 0.16), (-1.2, -0.1), (-1.0, -0.32), (-1.28, -0.62), (-0.94, -0.72), (-1.02, -1.16), (-0.6, -1.08),
             (-0.42, -1.46), (-0.1, -1.22), (0.26, -1.5), (0.44, -1.16), (0.86, -1.26), (0.86, -0.84), (1.24, -0.74),
             (1.02, -0.4), (1.22, -0.12), (1.0, 0.16)]  # fmt: skip
    spikes = locks(crown, bow=-0.1)
    fringe = [(0.86, 0.3), (0.74, -0.2), (0.56, 0.04), (0.44, -0.3), (0.16, 0.02), (0.04, -0.32), (-0.26, 0.08),
              (-0.36, -0.28), (-0.62, 0.0), (-0.74, -0.22), (-0.86, 0.3)]  # fmt: skip
    front = np.concatenate([spikes, locks([crown[-1], *fringe, crown[0]], bow=0.14)])
    return HairStyle(
        front=front,
        strands=(((0.1, -1.1), (0.2, -0.7), (0.18, -0.4)), ((-0.45, -1.0), (-0.5, -0.7), (-0.44, -0.4))),
    )


def _bob() -> HairStyle:
    behind = curve(
        both_sides([(0.3, -1.2), (0.98, -0.7), (1.16, 0.1), (1.2, 0.66), (0.98, 1.0), (0.4, 0.9)]), closed=True
    )
    fringe = [(0.88, 0.82), (0.72, 0.3), (0.72, -0.04), (0.5, 0.02), (0.46, -0.08), (0.2, 0.03), (0.12, -0.07),
              (-0.14, 0.03), (-0.22, -0.07), (-0.46, 0.02), (-0.54, -0.08), (-0.72, 0.0), (-0.72, 0.3),
              (-0.88, 0.82)]  # fmt: skip
    crown = [(-1.14, 0.74), (-1.12, 0.1), (-1.08, -0.3), *_CROWN[2:-2], (1.08, -0.3), (1.12, 0.1), (1.14, 0.74)]
    return HairStyle(
        front=_cap(fringe, crown=crown, bow=0.07),
        behind=(behind,),
        strands=(((0.1, -1.2), (0.22, -0.7), (0.2, -0.2)), ((-0.1, -1.2), (-0.36, -0.7), (-0.42, -0.25)),
                 ((0.3, -1.12), (0.66, -0.7), (0.76, -0.1))),
    )  # fmt: skip


def _long() -> HairStyle:
    behind = np.concatenate([
        curve([(-1.3, 2.7), (-1.3, 1.4), (-1.18, 0.2), (-1.0, -0.7), (0, -1.2), (1.0, -0.7), (1.18, 0.2), (1.3, 1.4),
               (1.3, 2.7)]),
        locks([(1.3, 2.7), (0.95, 2.5), (0.7, 2.85), (0.35, 2.55), (0, 2.86), (-0.35, 2.55), (-0.7, 2.85),
               (-0.95, 2.5), (-1.3, 2.7)], bow=0.1),
    ])  # fmt: skip
    fringe = [(0.84, 1.2), (0.78, 0.4), (0.6, -0.1), (0.3, 0.06), (0.08, -0.42), (-0.16, -0.05), (-0.4, 0.1),
              (-0.52, -0.12), (-0.66, 0.12), (-0.78, 0.3), (-0.84, 1.2)]  # fmt: skip
    crown = [(-1.12, 1.3), (-1.12, 0.2), *_CROWN[1:-1], (1.12, 0.2), (1.12, 1.3)]
    return HairStyle(
        front=_cap(fringe, crown=crown, bow=0.12),
        behind=(behind,),
        strands=(((0.1, -1.2), (0.42, -0.8), (0.62, -0.2)), ((0.05, -1.2), (-0.3, -0.8), (-0.5, -0.3)),
                 ((0.98, -0.1), (0.94, 0.4), (0.98, 1.0)), ((-0.98, -0.1), (-0.94, 0.4), (-0.98, 1.0))),
    )  # fmt: skip


def _twin_tails() -> HairStyle:
    tail = np.concatenate([
        curve([(0.86, -0.82), (1.3, -1.02), (1.85, -0.6), (2.02, 0.4), (1.86, 1.3), (1.9, 2.0)]),
        locks([(1.9, 2.0), (1.66, 1.66), (1.44, 2.06), (1.36, 1.5)], bow=0.14),
        curve([(1.36, 1.5), (1.32, 0.7), (1.3, 0.0), (1.08, -0.36), (0.86, -0.5)]),
    ])  # fmt: skip
    fringe = [(0.86, 0.7), (0.8, 0.1), (0.66, -0.16), (0.5, 0.04), (0.34, -0.2), (0.1, 0.07), (-0.06, -0.24),
              (-0.3, 0.06), (-0.46, -0.2), (-0.6, 0.03), (-0.72, -0.14), (-0.8, 0.1), (-0.86, 0.7)]  # fmt: skip
    return HairStyle(
        front=_cap(fringe, bow=0.12),
        behind=(tail, mirrored(tail)),
        strands=(((0.02, -1.22), (0.06, -0.9), (0.0, -0.4)), ((0.3, -1.1), (0.6, -0.8), (0.8, -0.6)),
                 ((-0.3, -1.1), (-0.6, -0.8), (-0.8, -0.6))),
    )  # fmt: skip


def _ponytail() -> HairStyle:
    tail = np.concatenate([
        curve([(0.2, -1.1), (0.8, -1.6), (1.5, -1.42), (1.82, -0.7), (1.62, 0.2), (1.75, 1.0)]),
        locks([(1.75, 1.0), (1.42, 0.72), (1.3, 1.14), (1.14, 0.5)], bow=0.14),
        curve([(1.14, 0.5), (1.24, -0.2), (1.06, -0.8), (0.5, -0.8)]),
    ])  # fmt: skip
    fringe = [(0.9, 0.4), (0.8, -0.1), (0.62, -0.34), (0.36, -0.5), (0.0, -0.26), (-0.3, -0.02), (-0.58, 0.3),
              (-0.6, -0.06), (-0.76, 0.36), (-0.82, 0.0), (-0.9, 0.5)]  # fmt: skip
    return HairStyle(
        front=_cap(fringe, bow=0.13),
        behind=(tail,),
        strands=(((0.5, -1.06), (0.1, -0.8), (-0.34, -0.2)), ((0.6, -0.96), (0.3, -0.8), (-0.1, -0.36)),
                 ((0.3, -1.1), (-0.2, -0.96), (-0.7, -0.4))),
    )  # fmt: skip


def _curly() -> HairStyle:
    angle = np.linspace(0, 2 * np.pi, 15)[:-1]
    radius = 1.42
    rim = np.stack([radius * np.cos(angle), -0.32 + 1.3 * np.sin(angle)], axis=1)
    behind = locks(np.concatenate([rim, rim[:1]]), bow=0.42)
    crown = [(-0.98, 0.2), (-1.34, 0.0), (-1.12, -0.36), (-1.32, -0.74), (-0.92, -0.9), (-0.86, -1.3), (-0.44, -1.18),
             (-0.1, -1.5), (0.3, -1.2), (0.72, -1.36), (0.88, -0.94), (1.3, -0.84), (1.12, -0.42), (1.34, -0.04),
             (0.98, 0.2)]  # fmt: skip
    fringe = [(0.8, -0.06), (0.6, -0.22), (0.4, -0.12), (0.18, -0.26), (-0.06, -0.1), (-0.28, -0.26), (-0.5, -0.1),
              (-0.68, -0.22), (-0.82, -0.04)]  # fmt: skip
    front = np.concatenate([locks(crown, bow=-0.4), locks([crown[-1], *fringe, crown[0]], bow=-0.4)])
    return HairStyle(
        front=front,
        behind=(behind,),
        strands=(((0.4, -0.9), (0.62, -0.8), (0.5, -0.6), (0.36, -0.7)), ((-0.5, -0.9), (-0.3, -0.8), (-0.4, -0.6),
                 (-0.56, -0.7)), ((0.0, -0.66), (0.16, -0.56), (0.04, -0.42)), ((-0.86, -0.5), (-0.72, -0.36),
                 (-0.88, -0.28)), ((0.86, -0.5), (0.96, -0.36), (0.82, -0.22))),
    )  # fmt: skip


def _buns() -> HairStyle:
    fringe = [(0.88, 0.62), (0.78, 0.1), (0.66, -0.3), (0.3, -0.56), (0.0, -0.68), (-0.3, -0.56), (-0.66, -0.3),
              (-0.78, 0.1), (-0.88, 0.62)]  # fmt: skip
    return HairStyle(
        front=_cap(fringe, bow=0.06),
        buns=(ellipse(0.82, -1.12, 0.46, 0.44), ellipse(-0.82, -1.12, 0.46, 0.44)),
        strands=(((0.0, -1.22), (0.02, -0.95), (0.0, -0.68)), ((0.2, -1.2), (0.5, -0.9), (0.74, -0.3)),
                 ((-0.2, -1.2), (-0.5, -0.9), (-0.74, -0.3))),
        shine=-0.86,
    )  # fmt: skip


def _swept() -> HairStyle:
    crown = [(-0.96, 0.0), (-1.02, -0.4), (-0.98, -0.8), (-0.7, -1.24), (-0.1, -1.46), (0.55, -1.42), (1.0, -1.1),
             (1.14, -0.66), (1.02, -0.2), (0.96, 0.1)]  # fmt: skip
    fringe = [(0.88, 0.22), (0.84, -0.26), (0.9, -0.06), (0.66, 0.1), (0.7, -0.24), (0.36, 0.02), (0.28, -0.34),
              (-0.06, -0.28), (-0.46, -0.66), (-0.74, -0.34), (-0.84, -0.1), (-0.86, 0.2)]  # fmt: skip
    return HairStyle(
        front=_cap(fringe, crown=crown, bow=0.14),
        strands=(((-0.5, -1.1), (0.1, -1.0), (0.56, -0.5)), ((-0.4, -0.9), (0.0, -0.86), (0.3, -0.6)),
                 ((-0.3, -1.28), (0.4, -1.2), (0.9, -0.7))),
        shine=-0.86,
    )  # fmt: skip


HAIR_STYLES: dict[str, HairStyle] = {
    "spiky": _spiky(),
    "bob": _bob(),
    "long": _long(),
    "twin_tails": _twin_tails(),
    "ponytail": _ponytail(),
    "curly": _curly(),
    "buns": _buns(),
    "swept": _swept(),
}


def draw_hair_behind(pen: Pen, style: HairStyle, color: Color) -> None:
    """The hair that the head and the shoulders cover."""
    for outline in style.behind:
        pen.shape(outline, color)
        shadow = outline * (0.9, 1.0) + (0.12, 0.3)
        pen.fill(shadow, shaded(color, 0.26), within=outline)
        pen.stroke(outline, closed=True)
        if np.ptp(outline[:, 1]) > 2.4:
            bottom = outline[:, 1].max()
            tips = outline[outline[:, 1] > bottom - 0.5, 0]
            middle, spread = tips.mean(), np.ptp(tips)
            for lean in (-0.26, 0.0, 0.24):
                x = middle + lean * spread
                pen.brush([(x, bottom - 1.5), (x + 0.06, bottom - 0.9), (x, bottom - 0.4)], width=1.1,
                          color=shaded(color, 0.5))  # fmt: skip
    for bun in style.buns:
        pen.shape(bun, color)
        middle = bun.mean(axis=0)
        pen.fill(shifted(bun, 0.16, 0.14), shaded(color, 0.26), within=bun)
        pen.fill(ellipse(middle[0] - 0.14, middle[1] - 0.2, 0.14, 0.07), lit(color), within=bun)
        swirl = np.array([(-0.26, 0.05), (0.0, -0.18), (0.22, 0.02), (0.04, 0.18), (-0.1, 0.06)])
        pen.brush(curve(swirl + middle), width=1.1, color=shaded(color, 0.6))
        pen.stroke(bun, closed=True)


def draw_hair_front(pen: Pen, style: HairStyle, color: Color) -> None:
    """The hair over the forehead, with cel shadow, a band of light and strands."""
    front = style.front
    pen.fill(front, color)
    dark = curve([(1.5, -1.2), (0.98, -0.9), (0.72, -0.3), (0.66, 0.3), (0.6, 1.6), (1.6, 1.6)], closed=True)
    pen.fill(dark, shaded(color, 0.26), within=front)
    under = np.concatenate([[(-1.4, 1.6)], locks([(-1.1, -0.02), (-0.7, -0.2), (-0.4, -0.06), (0, -0.2), (0.4, -0.06),
                                                  (0.8, -0.2), (1.1, -0.02)], bow=0.2), [(1.4, 1.6)]])  # fmt: skip
    pen.fill(under, shaded(color, 0.2), within=front)
    y = style.shine
    top = locks([(-0.78, y + 0.14), (-0.5, y - 0.12), (-0.3, y - 0.02), (0.0, y - 0.18), (0.24, y - 0.05),
                 (0.5, y - 0.12)], bow=0.1)  # fmt: skip
    low = locks([(0.5, y + 0.02), (0.3, y + 0.12), (0.1, y + 0.02), (-0.12, y + 0.16), (-0.4, y + 0.06),
                 (-0.78, y + 0.24)], bow=0.16)  # fmt: skip
    pen.fill(np.concatenate([top, low]), lit(color, 0.45), within=front)
    for strand in style.strands:
        pen.brush(curve(strand), width=1.4, color=shaded(color, 0.62), root=0.2)
    pen.stroke(front, closed=True)
