"""Colouring with hints and references: each part against its limit, its former form, or the seconds that it may take.

One thread. The page is drawn: six panels on 992 x 1401 pixels (`benchmarks.drawn_pages`). Peak memory is that of a
process of its own.
"""

import subprocess
import sys
import time

import cv2
import numpy as np
import torch

from benchmarks.curve import Curve
from benchmarks.drawn_pages import drawn_pages, drawn_panels, in_gray
from benchmarks.peak_memory import peak_mb
from benchmarks.rounds import in_turns
from benchmarks.row import Row, megabytes, row_of_limit, row_of_times, seconds
from models.exemplar.match import Match, ReferencePlaces
from models.exemplar.network import ExemplarUNet
from models.exemplar.spec import ExemplarUNet as ExemplarSpec
from models.matching import CHANNELS
from pipelines.colorize.hints import hint_of_truth
from pipelines.colorize.page import Painter, color_page
from pipelines.colorize.places import find_places
from pipelines.colorize.propagate import propagate
from pipelines.colorize.references import References
from pipelines.colorize.shipped import default_colorizer
from pipelines.images.color import resized, rgb_to_gray, with_luma

HINT_S, REFERENCES_S = 0.15, 1.0
"""What a hint's answer on a page, and a page of six panels from six references, may take."""
MEMORY_MB = 2000.0
LARGE_PX = (9000, 6000)

_PLACES, _REFERENCE_PLACES = 1024, 3000


def run(quick: bool) -> list[Row]:
    """Measures every row."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rounds = 3 if quick else 7
    page = next(drawn_pages(1))
    rows = [luma_row(page, rounds), propagation_row(page, rounds), match_row(rounds), *page_rows(page, 2 + rounds // 3)]
    return rows if quick else [*rows, memory_row()]


def luma_row(page: np.ndarray, rounds: int) -> Row:
    """A network's picture under the lightness of a page, against the form that it had on interleaved channels."""
    small, gray = cv2.resize(page, (256, 256), interpolation=cv2.INTER_AREA), rgb_to_gray(page)
    check_luma(small, gray)
    times = in_turns(
        {"interleaved": lambda: interleaved_luma(small, gray), "planes": lambda: with_luma(small, gray)}, rounds=rounds
    )
    return row_of_times(
        "colours under a page's luma",
        times,
        ours="planes",
        peer="interleaved",
        target=9.7,
        better="higher",
        why="the target was measured where the cache was free; much of what is left is memory that is new each time",
    )


def check_luma(rgb: np.ndarray, gray: np.ndarray) -> None:
    """Raises AssertionError where `with_luma` is not its former form: a rounding of 0.5 may fall to either side."""
    differs = np.abs(with_luma(rgb, gray).astype(int) - interleaved_luma(rgb, gray))
    if differs.max() > 1 or (differs > 0).mean() > 1e-3:
        raise AssertionError(f"with_luma: up to {differs.max()} levels from its former form")


def interleaved_luma(rgb: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """`with_luma` as it was: numpy over (H, W, 3)."""
    chroma = rgb.astype(np.float32)
    chroma -= (chroma @ np.array([0.299, 0.587, 0.114], np.float32))[..., np.newaxis]
    chroma = resized(chroma, gray.shape)
    luma = gray[..., np.newaxis].astype(np.float32)
    highest, lowest = chroma.max(axis=-1, keepdims=True), chroma.min(axis=-1, keepdims=True)
    room = np.minimum((255 - luma) / np.maximum(highest, 1e-3), luma / np.maximum(-lowest, 1e-3))
    return np.clip(np.rint(luma + chroma * np.minimum(room, 1)), 0, 255).astype(np.uint8)


def propagation_row(page: np.ndarray, rounds: int) -> Row:
    """Colours from marks to the whole page, against OpenCV's filter alone."""
    gray = rgb_to_gray(page)
    colors, weights = marked(gray.shape)
    given = np.dstack([colors * weights[..., np.newaxis], weights])

    def smooth() -> np.ndarray:
        return cv2.ximgproc.fastGlobalSmootherFilter(gray, given, 300.0, 1.5, lambda_attenuation=0.25, num_iter=3)

    expected = smooth()
    if not np.array_equal(propagate(gray, colors, weights), expected[..., :2] / np.maximum(expected[..., 2:], 1e-9)):
        raise AssertionError("propagate: not the quotient of what the filter gives")
    times = in_turns({"filter": smooth, "propagate": lambda: propagate(gray, colors, weights)}, rounds=rounds)
    return row_of_times("colours from marks to a page", times, ours="propagate", peer="filter", target=1.2)


def marked(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Colours, (H, W, 2) float32, and weights, (H, W) float32: every tenth pixel has one."""
    random = np.random.default_rng(0)
    weights = (random.random(size) < 0.1).astype(np.float32)
    return random.normal(0, 30, (*size, 2)).astype(np.float32), weights


def match_row(rounds: int) -> Row:
    """What the places of a panel find in references, against the same formula on whole matrices."""
    match, features, lightness, references = places_to_match(_PLACES, _REFERENCE_PLACES)
    with torch.inference_mode():
        check_match(match, features, lightness, references)
        times = in_turns(
            {
                "whole matrices": lambda: match_at_once(match, features, lightness, references),
                "blocks": lambda: match(features, lightness, references),
                "similarity": lambda: features @ references.features.T,
            },
            rounds=rounds,
        )
    return row_of_times(
        "places of a panel among those of references",
        times,
        ours="blocks",
        peer="whole matrices",
        target=None,
        better="higher",
    )


def places_to_match(places: int, of_references: int) -> tuple[Match, torch.Tensor, torch.Tensor, ReferencePlaces]:
    """A matching whose heads have learned something, places that look, and places that are looked at."""
    torch.manual_seed(0)
    match = ExemplarUNet(ExemplarSpec()).match.eval()
    torch.nn.init.normal_(match.query.weight, std=0.02)
    features, known = (
        torch.nn.functional.normalize(torch.rand(count, CHANNELS), dim=1) for count in (places, of_references)
    )
    references = ReferencePlaces(
        known, torch.rand(of_references) * 100, torch.randn(of_references, 2) * 0.3, torch.rand(of_references) * 0.1
    )
    return match, features, torch.rand(places) * 100, references


def check_match(match: Match, features: torch.Tensor, lightness: torch.Tensor, references: ReferencePlaces) -> None:
    """Raises AssertionError where the matching gives other colours than its formula."""
    found = match(features, lightness, references)
    differs = (found - match_at_once(match, features, lightness, references)).abs().max().item()
    if differs > 1e-4:
        raise AssertionError(f"Match: up to {differs} from its formula")


def match_at_once(
    match: Match, features: torch.Tensor, lightness: torch.Tensor, references: ReferencePlaces
) -> torch.Tensor:
    """`Match.forward` as its formula reads: every matrix whole, a head after the other."""
    heads, channels = len(match.sharpness), match.query.out_features // len(match.sharpness)
    light = (lightness[:, None] - references.lightness).abs() / 100
    scored = features @ references.features.T - ExemplarSpec().lightness_penalty * 100 * light
    queries = match.query(features).unflatten(1, (heads, channels))
    keys = match.key(references.features).unflatten(1, (heads, channels)) / channels**0.5 * 20
    values = torch.cat([references.colors, references.colors.square()], dim=1)
    means, spreads = [], []
    for head in range(heads):
        logits = (scored + references.bonus) * match.sharpness[head].exp()
        if head:
            logits = logits + queries[:, head] @ keys[:, head].T - match.penalty[head] * 10 * light
        mean, square = (torch.softmax(logits, dim=1) @ values).chunk(2, dim=1)
        means.append(mean)
        spreads.append(((square - mean.square()).clamp(min=0).sum(dim=1, keepdim=True) + 1e-6).sqrt())
    soft = torch.logsumexp(scored / 0.05, dim=1, keepdim=True) * 0.05
    return torch.cat([*means, *spreads, scored.amax(dim=1, keepdim=True), soft], dim=1)


def page_rows(page: np.ndarray, rounds: int) -> list[Row]:
    """A hint's answer, and a page from references, against the seconds that they may take."""
    colorizer = default_colorizer()
    gray, painter = rgb_to_gray(page), Painter(colorizer)
    places, hint = find_places(gray), hint_of_truth(page, 12, side=128, seed=0)
    references = References.of((f"panel {at}", panel) for at, panel in enumerate(drawn_panels(6, seed=1)))
    panels = len(color_page(in_gray(page), painter, references=references).panels)
    own = torch.rand(_PLACES, CHANNELS)
    known = torch.rand(sum(len(one.places.features) for one in references), CHANNELS)

    def compare() -> list[torch.Tensor]:
        return [own @ known.T for _ in range(panels)]

    times = in_turns(
        {
            "hint": lambda: colorizer.colorize_with_sources(gray, hint=hint, places=places),
            "references": lambda: color_page(in_gray(page), painter, references=references),
            "places": lambda: [find_places(gray) for _ in range(panels)],
            "similarity": compare,
        },
        rounds=rounds,
    )
    parts = {name: one.cpu_s for name, one in times.items()}

    facts = {"cpu_s": parts, "panels": panels, "rounds": rounds}
    limit = parts["similarity"] + parts["places"]
    why = (
        f"comparing all places in float32 and their features alone take {seconds(limit)}; the network's "
        "convolutions and what chooses among the candidates take the rest"
    )
    name = "a page of six panels from six references"
    return [
        row_of_limit("a hint's answer on a page", times["hint"].cpu, HINT_S, seconds, facts=facts),
        row_of_limit(name, times["references"].cpu, REFERENCES_S, seconds, why=why, facts=facts),
    ]


def memory_row() -> Row:
    """Peak memory of colouring one picture of LARGE_PX with hints and references."""
    command = [sys.executable, "-c", "from benchmarks.colorize import color_large; color_large()"]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    used = float(found.stdout.split()[-1])
    return row_of_limit("peak memory of a picture of 6000 x 9000 pixels", [used], MEMORY_MB, megabytes, clock="bytes")


def color_large() -> None:
    """Colours the large picture, and prints this process's peak memory in MB."""
    color_at(LARGE_PX)
    sys.stdout.write(f"{peak_mb()}\n")


def color_at(size_px: tuple[int, int]) -> float:
    """CPU seconds of colouring a picture of a size (H, W) with hints and six references."""
    panels = drawn_panels(7)
    picture = cv2.resize(rgb_to_gray(panels[6]), size_px[::-1], interpolation=cv2.INTER_LINEAR)
    references = References.of((f"panel {at}", panel) for at, panel in enumerate(panels[:6]))
    hint = hint_of_truth(panels[6], 12, side=128, seed=0)
    colorizer = default_colorizer()
    colorizer.colorize_with_sources(cv2.resize(picture, (64, 64)), hint=hint, references=references)  # warms up
    started = time.process_time()
    colorizer.colorize_with_sources(picture, hint=hint, references=references)
    return time.process_time() - started


def curves(quick: bool) -> list[Curve]:
    """CPU seconds of a picture over its size."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    widths = (400, 800) if quick else (400, 800, 1600, 3200, 5600)
    return [
        Curve(
            name="colouring a picture from a hint and six references",
            size="megapixels",
            cost="CPU seconds",
            points=[(width * width * 1.5 / 1e6, color_at((width * 3 // 2, width))) for width in widths],
            fitted_from=3.0,
        )
    ]
