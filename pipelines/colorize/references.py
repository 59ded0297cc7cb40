"""References: pictures in colour whose colours may be taken over, as an index of features, lightness and colours.

An index is extended picture by picture and holds no pictures. It is one safetensors file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Self

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pipelines.colorize.places import LONG_SIDE_PX, PicturePlaces, find_places, working_size
from pipelines.images.color import resized, rgb_to_gray, rgb_to_lab
from pipelines.images.seen import xdog_lines
from pipelines.lake import atomic_write

COLORS_PER_SIDE = 2
"""Each place has so many colours by so many: a place of 8 x 8 pixels may hold hair and skin."""

LINE_SIGMA_PX = 0.4
"""Lines of references are drawn by XDoG with the middle one of paper 003's sigmas."""

_INK_WEIGHT = 1e-3

FORMAT = "tintoon-references-1"


class ReferencesError(ValueError):
    """A file is no index of references. The message names it and the remedy."""


@dataclass(frozen=True, eq=False)
class Reference:
    """One picture in colour, by its places."""

    name: str
    """Where it came from: a panel_id, or a file and a panel's box."""
    places: PicturePlaces
    colors: np.ndarray
    """(places, COLORS_PER_SIDE ** 2, 3) float16, Lab of the parts of each place."""
    weight: float = 1.0
    """How much more its places count than those of other references; a correction counts more."""


@dataclass(frozen=True, eq=False)
class References:
    """An index of references, all seen as one variant. Immutable: `with_picture` gives a larger one."""

    variant: str = "gray"
    """"gray" or "line": what their features were taken of."""
    entries: tuple[Reference, ...] = ()

    @classmethod
    def of(cls, pictures: Iterable[tuple[str, np.ndarray]], *, variant: str = "gray") -> Self:
        """The index of named pictures, (H, W, 3) uint8 RGB."""
        return cls(variant, tuple(reference_of(name, rgb, variant=variant) for name, rgb in pictures))

    def with_picture(self, name: str, rgb: np.ndarray, *, weight: float = 1.0) -> Self:
        """The index with one more picture, (H, W, 3) uint8 RGB; it takes the place of one with the same name."""
        added = reference_of(name, rgb, variant=self.variant, weight=weight)
        return replace(self, entries=(*(one for one in self.entries if one.name != name), added))

    def with_entries(self, entries: Iterable[Reference]) -> Self:
        """The index with more entries at its end."""
        return replace(self, entries=(*self.entries, *entries))

    def without(self, names: Iterable[str]) -> Self:
        """The index without some pictures."""
        left_out = set(names)
        return replace(self, entries=tuple(one for one in self.entries if one.name not in left_out))

    def nearest(self, pooled: np.ndarray, count: int) -> Self:
        """The `count` pictures most alike by the features of the whole picture, (1280,), the most alike first.

        Corrections, which weigh more than others, come before all others: they apply to every picture.
        """
        if len(self.entries) <= count:
            return self
        alike = np.stack([one.places.pooled for one in self.entries]) @ pooled
        weights = np.array([one.weight for one in self.entries])
        order = np.lexsort((-alike, weights <= 1))
        return replace(self, entries=tuple(self.entries[at] for at in order[:count]))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pictures."""
        return tuple(one.name for one in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Reference]:
        return iter(self.entries)

    def save(self, path: Path) -> None:
        """Writes the index as one safetensors file, whole or not at all."""
        with atomic_write(path) as temporary:
            temporary.write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The index as the bytes of one safetensors file."""
        tensors: dict[str, np.ndarray] = {}
        for at, one in enumerate(self.entries):
            tensors |= {
                f"{at}.features": np.ascontiguousarray(one.places.features),  # safetensors ignores strides
                f"{at}.lightness": one.places.lightness.astype(np.float16),
                f"{at}.pooled": one.places.pooled.astype(np.float16),
                f"{at}.colors": np.ascontiguousarray(one.colors),
            }
        listed = [{"name": one.name, "size": one.places.size, "weight": one.weight} for one in self.entries]
        metadata = {"format": FORMAT, "variant": self.variant, "pictures": json.dumps(listed, ensure_ascii=False)}
        return save(tensors, metadata={**metadata, "digest": _digest(metadata, tensors)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """The index of a file, whose large arrays stay on disk, not in memory.

        The file is read once in full, for its digest; an index of an earlier version, without one, is not.
        Raises FileNotFoundError, or ReferencesError for a file that is none or that was damaged since it was written.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such index of references")
        try:
            with safe_open(path, framework="numpy") as opened:
                metadata = opened.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ReferencesError(f"{path}: no index of references of this version; make it again")
                listed, mapped = _pictures.validate_json(metadata["pictures"]), _Mapped(path)
                variant = metadata["variant"]
                entries = tuple(_entry(opened, mapped, at, facts) for at, facts in enumerate(listed))
        except (SafetensorError, KeyError, ValidationError, ValueError, RecursionError) as error:
            if isinstance(error, ReferencesError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise ReferencesError(f"{path}: no whole index of references ({reason}); make it again") from None
        digest = metadata.pop("digest", None)  # indexes of earlier versions have none
        is_whole = (
            metadata.keys() == {"format", "variant", "pictures"}
            if digest is None
            else digest == _digest(metadata, mapped.all())
        )
        if not is_whole:
            raise ReferencesError(f"{path}: damaged: its content is not what was written; make it again")
        if variant not in ("gray", "line"):
            raise ReferencesError(f"{path}: damaged: no variant {variant[:60]!r}; make it again")
        return cls(variant, entries)


def reference_of(name: str, rgb: np.ndarray, *, variant: str = "gray", weight: float = 1.0) -> Reference:
    """One picture in colour, (H, W, 3) uint8 RGB, as a reference for pictures of a variant."""
    seen = seen_of(rgb, variant)
    places = find_places(seen)
    rows, columns = (side * COLORS_PER_SIDE for side in places.size)
    lab = rgb_to_lab(rgb)
    # Ink is no colour of what lines enclose; where a place is all ink, it is its colour.
    weight_of_pixel = np.maximum(resized(seen, rgb.shape[:2]) / 255, _INK_WEIGHT) if variant == "line" else None
    small = _averaged(lab, (rows, columns), weight_of_pixel)
    parts = small.reshape(places.size[0], COLORS_PER_SIDE, places.size[1], COLORS_PER_SIDE, 3).swapaxes(1, 2)
    colors = parts.reshape(-1, COLORS_PER_SIDE**2, 3).astype(np.float16)
    return Reference(name, places, colors, weight)


def _averaged(lab: np.ndarray, size: tuple[int, int], weights: np.ndarray | None) -> np.ndarray:
    """Lab by areas at a smaller `size`, weighted by pixel, (H, W), where weights are given."""
    if weights is None:
        return cv2.resize(lab, size[::-1], interpolation=cv2.INTER_AREA)
    weighted = np.dstack([lab * weights[..., np.newaxis], weights]).astype(np.float32)
    sums = cv2.resize(weighted, size[::-1], interpolation=cv2.INTER_AREA)
    return sums[..., :3] / sums[..., 3:]


def seen_of(rgb: np.ndarray, variant: str) -> np.ndarray:
    """What a colorizer of a variant sees of a picture in colour: (H, W) uint8 gray, or its lines by XDoG, smaller."""
    if variant == "gray":
        return rgb_to_gray(rgb)
    return xdog_lines(resized(rgb, working_size(rgb.shape[:2], LONG_SIDE_PX)), LINE_SIGMA_PX)


class _Mapped:
    """The tensors of a safetensors file as arrays on disk: https://github.com/huggingface/safetensors#format."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        self._first = 8 + int.from_bytes(self._bytes[:8].tobytes(), "little")
        self._header = json.loads(self._bytes[8 : self._first].tobytes())

    def half(self, name: str) -> np.ndarray:
        """A tensor of float16, read only. Raises KeyError, and ValueError for one of another type."""
        tensor = self._header[name]
        if tensor["dtype"] != "F16":
            raise ValueError(f"{name} is {tensor['dtype']}, expected F16")
        start, end = (self._first + offset for offset in tensor["data_offsets"])
        return self._bytes[start:end].view(np.float16).reshape(tensor["shape"])

    def all(self) -> dict[str, np.ndarray]:
        """Every tensor of an index: all are float16. Raises what `half` raises."""
        return {name: self.half(name) for name in self._header if name != "__metadata__"}


class _Picture(BaseModel):
    """What the metadata of an index say of a picture."""

    model_config = ConfigDict(strict=True, extra="forbid")
    name: str
    size: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=2)]
    weight: float = Field(ge=0, allow_inf_nan=False)


_pictures = TypeAdapter(list[_Picture])


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 (64 hex digits) of an index: its metadata, and the name, shape and bytes of each tensor."""
    digest = sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, tensor.shape]).encode())
        digest.update(np.ascontiguousarray(tensor).view(np.uint8).data)
    return digest.hexdigest()


def _entry(opened: safe_open, mapped: _Mapped, at: int, facts: _Picture) -> Reference:
    """One picture. Raises KeyError, SafetensorError, and ValueError where its tensors do not fit together."""
    rows, columns = facts.size
    places = PicturePlaces(
        size=(rows, columns),
        features=mapped.half(f"{at}.features"),
        lightness=opened.get_tensor(f"{at}.lightness").astype(np.float32),
        pooled=opened.get_tensor(f"{at}.pooled").astype(np.float32),
    )
    colors = mapped.half(f"{at}.colors")
    if not len(places.features) == len(places.lightness) == len(colors) == rows * columns:
        raise ValueError(f"picture {at}: tensors of other sizes than {rows} x {columns} places")
    return Reference(facts.name, places, colors, facts.weight)
