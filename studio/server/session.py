"""The session behind the page: opened pictures, trained colorizers, results and their ratings.

Without HTTP. Pictures and results live in memory, a few at a time; ratings go to the lake. Not for several threads at
once: callers take turns.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import cv2
import numpy as np

from assets.resources import default_resources
from assets.tracking.registry import Registry
from assets.tracking.versions import CHAMPIONS
from models.checkpoint import load_checkpoint
from models.recipes import RECIPES
from pipelines.colorize.hints import Hint
from pipelines.colorize.load import load_colorizer
from pipelines.colorize.picture import Colorizer
from pipelines.colorize.whole_picture import colorize_whole
from pipelines.images.color import rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.images.opened import read_header
from pipelines.studies.ratings import Rating, store_rating
from pipelines.training.store import checkpoint_path, read_record

FORMATS = ("PNG", "JPEG", "WebP", "AVIF", "TIFF", "and others")
"""As the page names them; it takes every format that is read anywhere."""
MAX_BYTES = 40_000_000
MAX_PIXELS = 40_000_000

_PICTURES, _RESULTS, _COLORIZERS = 8, 200, 2  # how many are kept in memory

T = TypeVar("T")


class ForgottenError(LookupError):
    """A picture or a result is no longer in memory; the message names the remedy."""


@dataclass(frozen=True)
class ModelInfo:
    """A trained colorizer that a person can choose."""

    name: str
    """The recipe's name, or that of a champion: see `assets.tracking.registry.CHAMPIONS`."""
    recipe: str
    title: str
    variant: str
    """Its input: "gray", "line" or "edge"."""
    with_hints: bool
    titles: tuple[str, ...]
    """The titles that it takes as a label; empty where it was trained without."""
    checkpoint: str
    checkpoint_sha256: str


@dataclass(frozen=True)
class Result:
    """The settings that a picture was colored with."""

    recipe: str
    checkpoint_sha256: str
    picture_sha256: str
    hints: Hint | None
    snapped: bool


class Session:
    """The session of one installation."""

    def __init__(self) -> None:
        resources = default_resources()
        self._lake, self._cache = resources["lake"].open(), resources["lake"].cache
        self._tracking = resources["tracking"]
        self._model_infos: dict[str, ModelInfo] = {}
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._decoded: OrderedDict[str, np.ndarray] = OrderedDict()
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._colorizers: OrderedDict[tuple[str, str], Colorizer] = OrderedDict()

    def models(self) -> list[ModelInfo]:
        """The trained colorizers, the champions first, then by paper."""
        found = []
        for name in RECIPES:
            try:
                record = read_record(self._lake, name)
            except FileNotFoundError:
                continue
            found.append(self._model_info(name, name, record.key, record.checkpoint_sha256))
        if found and self._lake.leaderboard.exists():  # before one there is no champion, and no need to ask
            for place, (name, track) in enumerate(CHAMPIONS.items()):
                version = Registry(self._tracking, track).at("champion")
                if version and version.recipe in RECIPES:
                    model_info = self._model_info(name, version.recipe, version.tags["checkpoint"], version.sha256)
                    found.insert(place, model_info)
        self._model_infos = {model_info.name: model_info for model_info in found}
        return found

    def open_picture(self, data: bytes) -> str:
        """Takes an encoded picture; returns its digest.

        Raises ValueError where it is no whole picture, or larger than MAX_PIXELS.
        """
        digest = sha256(data).hexdigest()
        header = read_header(data, name="The file")
        width, height = header.width_px, header.height_px
        if width * height > MAX_PIXELS:
            raise ValueError(
                f"The picture has {width} x {height} pixels; {MAX_PIXELS // 1_000_000} megapixels is the limit. "
                "Make it smaller, or cut it into pages."
            )
        self._remember(self._decoded, digest, decode_picture(data, name="The file"), limit=1)
        self._remember(self._pictures, digest, data, limit=_PICTURES)
        return digest

    def gray_picture(self, digest: str) -> bytes:
        """An opened picture in gray, as PNG. Raises ForgottenError."""
        return _png(rgb_to_gray(self._picture(digest)))

    def colorize(
        self, digest: str, colorizer: str, *, hint: Hint | None, snap: bool, title: str | None
    ) -> tuple[str, bytes]:
        """Colours an opened picture. Returns the name under which the result can be rated, and its PNG.

        The hint and the title do not count where the colorizer takes none.
        Raises ForgottenError, ValueError or FileNotFoundError.
        """
        if colorizer not in self._model_infos:
            self.models()
        if colorizer not in self._model_infos:
            raise ValueError(f"There is no trained colorizer {colorizer!r} any more; load the page again.")
        model_info, picture = self._model_infos[colorizer], self._picture(digest)
        if not model_info.with_hints or (hint and not hint.points and not hint.strokes):
            hint = None
        title = title if title in model_info.titles else None
        colored = colorize_whole(self._loaded(model_info), picture, hint=hint, title=title, snap=snap)
        name = uuid4().hex
        result = Result(model_info.recipe, model_info.checkpoint_sha256, digest, hint, snap)
        self._remember(self._results, name, result, limit=_RESULTS)
        return name, _png(colored)

    def rate(self, result: str, answers: dict[str, int], rater: str) -> Rating:
        """Stores a person's rating of a result. Raises ForgottenError, or ValueError for wrong answers."""
        if result not in self._results:
            raise ForgottenError("This result is no longer here; colour the picture again, then rate it.")
        rating = Rating(time=datetime.now(UTC), answers=answers, rater=rater.strip(), **vars(self._results[result]))
        store_rating(self._lake, rating)
        return rating

    def _model_info(self, name: str, recipe: str, checkpoint: str, digest: str) -> ModelInfo:
        value, titles = RECIPES[recipe], ()
        if value.with_label:
            titles = _titles(checkpoint_path(self._lake, recipe, checkpoint, self._cache))
        return ModelInfo(name, recipe, value.title, value.variant, value.takes_hints, titles, checkpoint, digest)

    def _picture(self, digest: str) -> np.ndarray:
        """uint8 RGB (H, W, 3)."""
        if digest not in self._pictures:
            raise ForgottenError("This picture is no longer here; open it again.")
        data = self._pictures[digest]
        self._remember(self._pictures, digest, data, limit=_PICTURES)
        return self._kept(self._decoded, digest, lambda: decode_picture(data, name="The file"), limit=1)

    def _loaded(self, model_info: ModelInfo) -> Colorizer:
        key = model_info.recipe, model_info.checkpoint
        # Only where it is not in memory: the file is read from end to end to compare its digest.
        return self._kept(
            self._colorizers,
            key,
            lambda: load_colorizer(checkpoint_path(self._lake, *key, self._cache)),
            limit=_COLORIZERS,
        )

    def _kept(self, memory: OrderedDict[Any, T], key: Any, make: Callable[[], T], *, limit: int) -> T:
        value = memory[key] if key in memory else make()
        self._remember(memory, key, value, limit=limit)
        return value

    @staticmethod
    def _remember(memory: OrderedDict[Any, T], key: Any, value: T, *, limit: int) -> None:
        """Keeps the last `limit` values that were used."""
        memory[key] = value
        memory.move_to_end(key)
        if len(memory) > limit:
            memory.popitem(last=False)


@cache
def _titles(checkpoint: Path) -> tuple[str, ...]:
    """The titles that a network takes as a label."""
    return getattr(load_checkpoint(checkpoint).network, "titles", ())


def _png(picture: np.ndarray) -> bytes:
    """uint8, RGB (H, W, 3) or gray (H, W)."""
    bgr = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()  # fast: it goes to loopback only
