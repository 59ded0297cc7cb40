"""The leaderboard: colorizers ranked on one benchmark, and the choice of the champion.

Works on evaluations; touches no files. Only results with the current benchmark fingerprint are ranked; others are
listed apart and never compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pipelines.evaluation.benchmark import RANKING_METRIC, Evaluation
from pipelines.evaluation.metrics import METRICS
from pipelines.pictures import MARGIN_PX, PAPER, draw_text

FLOORS = frozenset({"gray_copy"})
"""Colorizers that learn nothing: what is below them is a finding, and they never serve."""

SHOWN_METRICS = ("l2_ab", "ciede2000", "l1_rgb", "l2_rgb", "psnr", "ssim", "colorfulness_error")


@dataclass(frozen=True)
class LeaderboardRow:
    """One colorizer's place."""

    name: str
    rank: int | None
    """1 is best. None where the result is not comparable."""
    variant: str
    is_floor: bool
    pictures: int
    metrics: dict[str, float]
    benchmark_fingerprint: str
    checkpoint_digest: str | None
    mlflow_run_id: str | None

    def to_json(self) -> dict[str, Any]:
        """Flat: the metrics stand beside the rest."""
        return {
            "rank": self.rank,
            "name": self.name,
            "variant": self.variant,
            "is_floor": self.is_floor,
            "pictures": self.pictures,
            **self.metrics,
            "benchmark_fingerprint": self.benchmark_fingerprint,
            "checkpoint_digest": self.checkpoint_digest,
            "mlflow_run_id": self.mlflow_run_id,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "LeaderboardRow":
        """What `to_json` gave."""
        metrics = {name: values[name] for name in METRICS if name in values}
        return cls(**{name: value for name, value in values.items() if name not in metrics}, metrics=metrics)


@dataclass(frozen=True)
class Leaderboard:
    """Colorizers on one benchmark, best first, and beside them the results of other benchmarks."""

    benchmark_fingerprint: str
    rows: tuple[LeaderboardRow, ...]
    not_comparable: tuple[LeaderboardRow, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """The ranked rows, best first; those that do not compare are left out."""
        return [row.to_json() for row in self.rows]

    def to_markdown(self) -> str:
        """Tables for people: the ranks, then what does not compare."""
        lines = [_subtitle(self), "", f"| rank | name | sees | {' | '.join(SHOWN_METRICS)} |"]
        lines.append("|---" * (3 + len(SHOWN_METRICS)) + "|")
        for row in self.rows:
            values = " | ".join(_shown(row.metrics[name]) for name in SHOWN_METRICS)
            lines.append(f"| {row.rank} | {_label(row)} | {row.variant} | {values} |")
        if self.not_comparable:
            lines += ["", "Not comparable, for they were measured on another benchmark (evaluate them again):", ""]
            lines += [f"- {row.name} (benchmark `{row.benchmark_fingerprint[:12]}`)" for row in self.not_comparable]
        return "\n".join(lines) + "\n"

    def picture(self) -> np.ndarray:
        """The table as a picture, with a bar for the L2 on ab of each colorizer. uint8 RGB."""
        return _draw(self)


def build_leaderboard(evaluations: Sequence[Evaluation], *, benchmark_fingerprint: str) -> Leaderboard:
    """Ranks by L2 on ab per pixel, lower first, ties by name; floors are ranked too, and marked.

    Raises ValueError where two results of one benchmark have the same name.
    """
    rows = [
        LeaderboardRow(
            name=evaluation.name,
            rank=None,
            variant=evaluation.variant,
            is_floor=evaluation.name in FLOORS,
            pictures=evaluation.pictures,
            metrics=evaluation.metrics,
            benchmark_fingerprint=evaluation.benchmark_fingerprint,
            checkpoint_digest=evaluation.checkpoint_digest,
            mlflow_run_id=evaluation.mlflow_run_id,
        )
        for evaluation in evaluations
    ]
    comparable = [row for row in rows if row.benchmark_fingerprint == benchmark_fingerprint]
    names = [row.name for row in comparable]
    if len(set(names)) != len(names):
        raise ValueError(f"two results of one name among {', '.join(sorted(names))}: give only the latest of each")
    comparable.sort(key=lambda row: (row.metrics[RANKING_METRIC], row.name))
    others = sorted((row for row in rows if row not in comparable), key=lambda row: row.name)
    return Leaderboard(
        benchmark_fingerprint=benchmark_fingerprint,
        rows=tuple(replace(row, rank=rank) for rank, row in enumerate(comparable, 1)),
        not_comparable=tuple(others),
    )


@dataclass(frozen=True)
class ChampionDecision:
    """Who serves from now on, and why."""

    name: str | None
    """None while no colorizer has a result."""
    moved: bool
    reason: str
    row: LeaderboardRow | None
    """The champion's result: what the next decision is to be given as `current`."""


def choose_champion(leaderboard: Leaderboard, current: LeaderboardRow | None) -> ChampionDecision:
    """The champion moves only to a colorizer that is better on the same benchmark; floors never serve.

    `current` is the champion's row as it was chosen. Where it has no result on this benchmark, neither its own nor
    one of the same checkpoint on the leaderboard, nothing moves until it is evaluated again.
    """
    candidates = [row for row in leaderboard.rows if not row.is_floor]
    if current is not None and current.benchmark_fingerprint != leaderboard.benchmark_fingerprint:
        measured = [
            row for row in candidates if (row.name, row.checkpoint_digest) == (current.name, current.checkpoint_digest)
        ]
        if not measured:
            return ChampionDecision(
                current.name,
                moved=False,
                reason=f"{current.name} stays: it has no result on this benchmark; evaluate it again, then decide",
                row=current,
            )
        current = measured[0]
    if not candidates:
        name = current.name if current else None
        return ChampionDecision(name, moved=False, reason="no colorizer has a result on this benchmark", row=current)
    best = candidates[0]
    score = f"{RANKING_METRIC} {_shown(best.metrics[RANKING_METRIC])}"
    floors = [row for row in leaderboard.rows if row.is_floor]
    warning = f"; worse than the floor {floors[0].name}" if floors and floors[0].rank == 1 else ""
    if current is None:
        return ChampionDecision(
            best.name, moved=True, reason=f"{best.name} is the first champion: {score}{warning}", row=best
        )
    if (best.name, best.checkpoint_digest) == (current.name, current.checkpoint_digest):
        return ChampionDecision(
            current.name, moved=False, reason=f"{best.name} stays the best: {score}{warning}", row=best
        )
    current_score = _shown(current.metrics[RANKING_METRIC])
    if best.metrics[RANKING_METRIC] < current.metrics[RANKING_METRIC]:
        reason = f"{best.name} is better than {current.name}: {score} against {current_score}{warning}"
        return ChampionDecision(best.name, moved=True, reason=reason, row=best)
    reason = f"{current.name} stays: {best.name} is not better, {score} against {current_score}{warning}"
    return ChampionDecision(current.name, moved=False, reason=reason, row=current)


def _label(row: LeaderboardRow) -> str:
    return f"{row.name} (floor)" if row.is_floor else row.name


def _shown(value: float) -> str:
    """Four significant digits, and no exponent."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _subtitle(leaderboard: Leaderboard) -> str:
    pictures = f"{leaderboard.rows[0].pictures} test pictures" if leaderboard.rows else "no results yet"
    spec = METRICS[RANKING_METRIC]
    return (
        f"Ranked by {spec.name} ({spec.unit}, {spec.direction} is better); {pictures}; "
        f"benchmark {leaderboard.benchmark_fingerprint[:12]}"
    )


NAME_PX, BAR_PX, VALUE_PX, ROW_PX = 270, 240, 96, 28


def _draw(leaderboard: Leaderboard) -> np.ndarray:
    others = leaderboard.not_comparable
    width = 2 * MARGIN_PX + 40 + NAME_PX + BAR_PX + VALUE_PX * len(SHOWN_METRICS)
    height = 2 * MARGIN_PX + ROW_PX * (3 + len(leaderboard.rows)) + (ROW_PX * (1 + len(others)) if others else 0)
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    y = MARGIN_PX
    draw_text(draw, MARGIN_PX, y, "Leaderboard", width_px=width - 2 * MARGIN_PX, size_px=20)
    y += ROW_PX
    draw_text(draw, MARGIN_PX, y, _subtitle(leaderboard), width_px=width - 2 * MARGIN_PX)
    y += ROW_PX
    name_x, bar_x = MARGIN_PX + 40, MARGIN_PX + 40 + NAME_PX
    values_x = bar_x + BAR_PX
    draw_text(draw, name_x, y + 6, "name (what it sees)", width_px=NAME_PX - MARGIN_PX)
    for column, name in enumerate(SHOWN_METRICS):
        right = values_x + (column + 1) * VALUE_PX
        draw_text(draw, right, y + 6, _HEADERS.get(name, name), width_px=VALUE_PX - 4, anchor="ra")
    y += ROW_PX
    worst = max((row.metrics[RANKING_METRIC] for row in leaderboard.rows), default=1) or 1
    for index, row in enumerate(leaderboard.rows):
        if index % 2 == 0:
            draw.rectangle((MARGIN_PX, y, width - MARGIN_PX, y + ROW_PX - 1), fill=(246, 246, 246))
        draw_text(draw, MARGIN_PX + 30, y + 6, str(row.rank), width_px=30, anchor="ra")
        draw_text(draw, name_x, y + 6, f"{_label(row)}, {row.variant}", width_px=NAME_PX - MARGIN_PX)
        length = round((BAR_PX - MARGIN_PX) * row.metrics[RANKING_METRIC] / worst)
        color = (160, 160, 160) if row.is_floor else (66, 110, 180)
        draw.rectangle((bar_x, y + 6, bar_x + length, y + ROW_PX - 7), fill=color)
        for column, name in enumerate(SHOWN_METRICS):
            right = values_x + (column + 1) * VALUE_PX
            draw_text(draw, right, y + 6, _shown(row.metrics[name]), width_px=VALUE_PX - 4, anchor="ra")
        y += ROW_PX
    if others:
        text = "Not comparable (measured on another benchmark; evaluate again):"
        draw_text(draw, MARGIN_PX, y + 6, text, width_px=width - 2 * MARGIN_PX)
        for row in others:
            y += ROW_PX
            text = f"{row.name}, {row.variant}, benchmark {row.benchmark_fingerprint[:12]}"
            draw_text(draw, name_x, y + 6, text, width_px=width - name_x - MARGIN_PX)
    return np.asarray(image)


_HEADERS = {"colorfulness_error": "color. error"}
