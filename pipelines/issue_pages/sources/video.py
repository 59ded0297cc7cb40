"""Videos on this machine as a source (paper 001): each file one issue, some of its frames the pages.

Takes every N-th frame, or one every T seconds, where asked also the first frame after each cut and none that hardly
differs from the one before; resized by cubic convolution where asked. Paper 001 samples every 50th frame and shrinks
it by cubic splines; OpenCV's cubic is the nearest that is here without another dependency. Pages are PNG: what the
decoder gives is kept without loss. Reads the files, writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

import cv2
import numpy as np
from pydantic import BaseModel, Field

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import Fetched, IssueEntry, IssueUnavailable, NotModified, PageEntry, Skip
from pipelines.issue_pages.local_files import (
    Unreadable,
    file_of,
    issue_file,
    issue_files,
    listing,
    part_of,
    part_url,
    shown,
    stamp,
)
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.picture import Picture
from pipelines.issue_pages.sources.video_frames import (
    OPEN_ERRORS,
    FrameReader,
    FrameUnreadable,
    VideoIndex,
    opened_video,
    read_index,
    rgb_of,
    unreadable,
)
from pipelines.titles import Title

_CODE_VERSION = "1"  # raise it whenever the same file gives other bytes
_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".h264", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".mxf", ".ogv", ".ts", ".webm", ".wmv"}
)
_COMPARED_SIZE = (64, 36)  # frames are compared this small: noise and film grain count for nothing


class FrameSize(BaseModel, frozen=True, extra="forbid"):
    """The settings that the bytes of a frame depend on."""

    width_px: int | None = Field(
        default=None, ge=16, le=8192, description="Width of the pages; empty: as the height asks, or as in the video."
    )
    height_px: int | None = Field(
        default=None, ge=16, le=8192, description="Height of the pages; empty: as the width asks, or as in the video."
    )

    def of(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height of a page from those of a frame."""
        if self.width_px is None and self.height_px is None:
            return width_px, height_px
        width = self.width_px or max(1, round(width_px * (self.height_px or 0) / height_px))
        height = self.height_px or max(1, round(height_px * width / width_px))
        return width, height


class VideoSettings(FrameSize, frozen=True, extra="forbid"):
    """Settings of a title: which frames are taken, and at which size."""

    every_frames: int = Field(
        default=50, ge=1, description="Take one of so many frames, beginning with the first (paper 001)."
    )
    every_s: float | None = Field(
        default=None, gt=0, description="Take the frame shown every so many seconds, instead of every_frames."
    )
    cut_change: float | None = Field(
        default=None,
        gt=0,
        le=255,
        description="Also take the first frame after each cut: one that differs from the frame before by more than "
        "this mean difference (30 finds hard cuts). All frames are decoded to see it.",
    )
    min_change: float | None = Field(
        default=None,
        gt=0,
        le=255,
        description="Leave out a frame that differs from the last one taken by less than this mean difference. "
        "All frames are decoded to see it.",
    )
    max_pages: int = Field(default=5000, ge=1, description="A file of more pages is not collected: all are in memory.")

    @property
    def looks_at_frames(self) -> bool:
        """True where frames have to be decoded to choose among them."""
        return self.cut_change is not None or self.min_change is not None


@dataclass(frozen=True)
class _Choice:
    """One frame, and the reason to take it or not."""

    frame: int
    reason: str  # "every 50 frames", "every 2 s", "cut"
    facts: Mapping[str, Any] = field(default_factory=dict)
    skip: Skip | None = None


class VideoSource:
    """Issues are video files; pages are frames of them."""

    name: ClassVar[str] = "video"
    takes: ClassVar[str] = "a video file, or a folder of them"
    settings: ClassVar[type[BaseModel]] = VideoSettings
    is_local: ClassVar[bool] = True

    def __init__(self, client: Client):
        self._lock = RLock()
        self._index: tuple[str, VideoIndex] | None = None  # of the file asked last
        self._choices: tuple[str, list[_Choice]] | None = None
        self._reader: tuple[str, FrameReader] | None = None

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue a file. States: "free", "empty", "refused", "unreadable"; "unknown": no video by its name.

        Only the heads of the files are read here. Raises ListingFailed.
        """
        with listing(title):
            listed = issue_files(title, suffixes=_SUFFIXES)
        issues = [_entry(issue, file, listed.former_of(issue)) for issue, file in listed.issues.items()]
        return [*issues, *listed.entries]

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """One page a frame that is taken, and those that were left out for being alike.

        Raises ListingFailed or IssueUnavailable ("gone", "empty", "refused", "unreadable", "too_long").
        """
        with listing(title):
            file = issue_file(title, issue, issue_files(title, suffixes=_SUFFIXES))
        settings = VideoSettings(**title.settings)
        try:
            with self._lock:
                index = self._indexed(file)
                choices = self._chosen(index, settings)
        except IssueUnavailable as error:
            raise IssueUnavailable(error.state, f"{title.key}: issue {issue}: {error}") from error
        return [
            PageEntry(
                page=page,
                name=f"frame-{choice.frame:06}.png",
                url=part_url(file, f"frame={choice.frame}"),
                skip=choice.skip,
                facts={
                    "frame": choice.frame,
                    "time_s": index.times_s[choice.frame],
                    "fps": index.fps,
                    "taken": choice.reason,
                    **choice.facts,
                },
            )
            for page, choice in enumerate(choices, start=1)
        ]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """None: files of this machine are always read."""
        return None

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One frame as PNG; NotModified, undecoded, where file and size are the same. Raises Unreadable."""
        file = file_of(page.url)
        number = int(part_of(page.url).removeprefix("frame="))
        settings = VideoSettings(**title.settings)
        size = FrameSize(width_px=settings.width_px, height_px=settings.height_px)
        try:
            etag = stamp(file, size, _CODE_VERSION)
        except OSError as error:
            raise Unreadable(page.url, f"cannot be read ({error.strerror})", "check the file and its rights") from error
        if known is not None and known.etag == etag:
            return NotModified()
        try:
            with self._lock:
                pixels = self._reader_of(file).picture(number)
        except (FrameUnreadable, IssueUnavailable) as error:
            raise Unreadable(page.url, str(error), "replace the file, then run again") from error
        height, width = pixels.shape[:2]
        wanted = size.of(width, height)
        if wanted != (width, height):
            pixels = cv2.resize(pixels, wanted, interpolation=cv2.INTER_CUBIC)
        data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
        return Fetched(Picture(data=data, format="png", width_px=wanted[0], height_px=wanted[1]), etag=etag)

    def _indexed(self, file: Path) -> VideoIndex:
        key = _key(file)
        if self._index is None or self._index[0] != key:
            self._index = (key, read_index(file))
        return self._index[1]

    def _reader_of(self, file: Path) -> FrameReader:
        key = _key(file)
        if self._reader is None or self._reader[0] != key:
            if self._reader is not None:
                self._reader[1].close()
                self._reader = None
            self._reader = (key, FrameReader(self._indexed(file)))
        return self._reader[1]

    def _chosen(self, index: VideoIndex, settings: VideoSettings) -> list[_Choice]:
        if settings.every_s is None:
            wanted = dict.fromkeys(range(0, len(index.times_s), settings.every_frames))
            reason = f"every {settings.every_frames} frames"
        else:
            steps = range(int((index.times_s[-1] + 1e-6) / settings.every_s) + 1)
            _require_few(index.file, len(steps), settings)
            wanted = dict.fromkeys(index.at(step * settings.every_s) for step in steps)
            reason = f"every {settings.every_s:g} s"
        _require_few(index.file, len(wanted), settings)
        if not settings.looks_at_frames:
            return [_Choice(frame, reason) for frame in wanted]
        key = f"{_key(index.file)} {settings.model_dump_json()}"
        if self._choices is None or self._choices[0] != key:
            self._choices = (key, _looked_through(index, settings, wanted, reason))
        _require_few(index.file, len(self._choices[1]), settings)
        return self._choices[1]


def _key(file: Path) -> str:
    try:
        about = file.stat()
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error
    return f"{file} {about.st_size} {about.st_mtime_ns}"


def _require_few(file: Path, pages: int, settings: VideoSettings) -> None:
    if pages > settings.max_pages:
        message = f"{shown(file)}: {pages} pages, over max_pages {settings.max_pages}; take fewer frames, or raise it"
        raise IssueUnavailable("too_long", message)


def _entry(issue: str, file: Path, former: tuple[str, ...]) -> IssueEntry:
    try:
        with opened_video(file) as (container, stream):
            fps = stream.average_rate
            facts = {
                "file": shown(file.name),
                "codec": stream.codec_context.name,
                "width_px": stream.width,
                "height_px": stream.height,
                "fps": float(fps) if fps else None,
                "duration_s": container.duration / 1e6 if container.duration else None,
            }
            tags = container.metadata
            facts |= {name: shown(tags[name]) for name in ("artist", "copyright", "comment") if tags.get(name)}
            name = shown(tags.get("title") or file.name)
    except IssueUnavailable as error:
        return IssueEntry(issue=issue, name=shown(file.name), state=error.state, note=str(error), former=former)
    return IssueEntry(issue=issue, name=name, facts=facts, former=former)


def _looked_through(
    index: VideoIndex, settings: VideoSettings, wanted: Mapping[int, None], reason: str
) -> list[_Choice]:
    """The choices after a look at every frame: first frames after cuts are added, near-identical ones removed."""
    choices: list[_Choice] = []
    before: np.ndarray | None = None
    taken: tuple[int, np.ndarray] | None = None
    reader = FrameReader(index)
    try:
        for number, frame in reader.frames():
            small = rgb_of(frame, size=_COMPARED_SIZE).astype(np.int16)
            change = None if before is None else _difference(small, before)
            before = small
            is_cut = settings.cut_change is not None and change is not None and change > settings.cut_change
            if number not in wanted and not is_cut:
                continue
            facts = {"change": round(change, 2)} if is_cut and change is not None else {}
            skip = None
            if taken is not None and settings.min_change is not None and not is_cut:
                apart = _difference(small, taken[1])
                if apart < settings.min_change:
                    seen = f"differs from frame {taken[0]} by {apart:.2f}, less than min_change {settings.min_change:g}"
                    skip = Skip("unwanted", seen)
            if skip is None:
                taken = (number, small)
            choices.append(_Choice(number, "cut" if is_cut else reason, facts, skip))
    except OPEN_ERRORS as error:
        raise unreadable(index.file, error) from error
    finally:
        reader.close()
    # A frame that cannot be decoded stays in the list: fetching it raises the reason.
    seen = {choice.frame for choice in choices}
    choices += [_Choice(frame, reason) for frame in wanted if frame not in seen]
    return sorted(choices, key=lambda choice: choice.frame)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two small frames, 0..255."""
    return float(np.abs(one - other).mean())
