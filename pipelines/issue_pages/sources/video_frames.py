"""Frames of a video file by their number: the list of them, and their pictures, without needless decoding.

Reads one file, writes nothing. The list of frames comes from the file's packets, which takes no decoding; a reader
stays where it is, so that frames asked for in order cost one pass, and jumps over whole groups of pictures.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from pipelines.issue_pages.entry import IssueUnavailable
from pipelines.issue_pages.local_files import shown

# Only formats that hold a video themselves: a playlist names other files, and addresses.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,h264,hevc,m4v,gif,apng,mxf,nut"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_MAX_PIXELS = 64 * 1024 * 1024
_HIGH_DEFINITION_PX = 576  # pictures higher than this are in the colours of BT.709 unless they have another mark
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_MICROSECOND = Fraction(1, 1_000_000)

OPEN_ERRORS = (FFmpegError, OSError, ValueError, MemoryError)
"""The errors of PyAV for a file that is not whole, or no video."""


@dataclass(frozen=True)
class VideoIndex:
    """The frames of a video in the order in which they are shown."""

    file: Path
    times_s: tuple[float, ...]  # since the first frame
    pts: tuple[int, ...] | None  # presentation times as the file has them; None where it has none: frames are counted
    keys: tuple[int, ...]  # numbers of frames that can be decoded without others
    fps: float | None  # on average
    width_px: int
    height_px: int

    def at(self, time_s: float) -> int:
        """The number of the frame that is shown at a time."""
        return max(0, bisect_right(self.times_s, time_s + 1e-6) - 1)


class FrameUnreadable(ValueError):
    """A frame cannot be read from the file. The message has the reason."""


def unreadable(file: Path, error: BaseException | str) -> IssueUnavailable:
    """A file that is not whole, or no video."""
    seen = str(error) or type(error).__name__
    return IssueUnavailable("unreadable", f"{shown(file)}: no whole video ({shown(seen)}); replace the file")


@contextmanager
def opened_video(file: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video file and its best stream of pictures. Raises IssueUnavailable ("unreadable", "empty", "refused")."""
    try:
        container = av.open(str(file), container_options=_OPTIONS, metadata_errors="replace")
    except OPEN_ERRORS as error:
        raise unreadable(file, error) from error
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise IssueUnavailable(
                "empty", f"{shown(file)}: no pictures in it, only {_types(container)}; remove the file"
            )
        if stream.codec_context is None:  # although its annotation says that there always is one
            raise unreadable(file, "its pictures are in a code that is not known here")
        if stream.width * stream.height > _MAX_PIXELS:
            seen = f"frames of {stream.width} x {stream.height} pixels, at most {_MAX_PIXELS} are decoded"
            raise IssueUnavailable("refused", f"{shown(file)}: {seen}; make it smaller")
        yield container, stream


def read_index(file: Path) -> VideoIndex:
    """The frames of a file. Raises IssueUnavailable, also where less is there than the file itself announces."""
    with opened_video(file) as (container, stream):
        shown: list[tuple[int, bool]] = []
        packets = 0
        is_timed = True
        end_s = 0.0
        try:
            for packet in container.demux():
                if packet.pts is not None and packet.time_base:
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is not stream or packet.size == 0:
                    continue
                packets += 1
                if packet.is_corrupt:
                    raise unreadable(file, f"it breaks off in its frame {packets - 1}")
                if packet.is_discard:
                    continue
                is_timed &= packet.pts is not None
                shown.append((packet.pts or 0, packet.is_keyframe))
        except OPEN_ERRORS as error:
            raise unreadable(file, f"after {packets} frames: {error}") from error
        _require_whole(file, container, stream, packets, end_s)
        time_base = stream.time_base or Fraction(1, 1000)
        fps = stream.average_rate or stream.guessed_rate
        size = (stream.width, stream.height)
    shown.sort()
    pts = tuple(time for time, _ in shown)
    rate = float(fps) if fps else None
    if not is_timed or len(set(pts)) < len(pts):
        count = _counted(file)
        if count == 0:
            raise unreadable(file, "none of its frames can be decoded")
        return VideoIndex(file, tuple(number / (rate or 25) for number in range(count)), None, (0,), rate, *size)
    if not pts:
        raise unreadable(file, "it has no frame")
    times_s = tuple(round(float((time - pts[0]) * time_base), 6) for time in pts)
    keys = tuple(number for number, (_, is_key) in enumerate(shown) if is_key)
    return VideoIndex(file, times_s, pts, keys, rate, *size)


_Found = tuple[int, VideoFrame, str | None]
"""A frame's number, the frame, and what damaged it or one that it is drawn upon."""


class FrameReader:
    """Reads frames of one file; cheapest in order. Holds the file open until it is closed."""

    def __init__(self, index: VideoIndex):
        self.index = index
        self._numbers = {time: number for number, time in enumerate(index.pts or ())}
        self._open()

    def close(self) -> None:
        """Lets go of the file."""
        self._opened.__exit__(None, None, None)

    def picture(self, number: int) -> np.ndarray:
        """One frame, upright: uint8 RGB (H, W, 3). Raises FrameUnreadable."""
        place = max(0, bisect_right(self.index.keys, number) - 1)  # of the key frame that it is drawn upon
        key = self.index.keys[place] if self.index.keys else 0
        if self._next is None or number < self._next - 1 or key > self._next:
            self._jump(key)
        found = self._last if self._last and self._last[0] == number else self._find(number)
        # A jump may land behind its key frame, where a format has no table of them: back farther, at last to the start.
        for earlier in (place - 1, place - 4, 0):
            if found is not None or self._is_from_start:
                break
            self._jump(self.index.keys[max(0, earlier)] if earlier > 0 else 0)
            found = self._find(number)
        if found is None:
            raise FrameUnreadable(f"frame {number} is not to be decoded{self._end}: the file is damaged there")
        _, frame, damage = found
        if damage is not None:
            raise FrameUnreadable(f"frame {number} is {damage}")
        try:
            return rgb_of(frame)
        except OPEN_ERRORS as error:
            raise FrameUnreadable(f"frame {number} is in no known format of pixels: {error}") from error

    def frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Every frame from the beginning, with its number; damaged ones too."""
        self._jump(0)
        for number, frame, _ in self._frames:
            self._next = number + 1
            yield number, frame
        self._next = None

    def _find(self, number: int) -> _Found | None:
        """Goes on until a frame; None where it does not come from here."""
        self._end = ""
        try:
            for found in self._frames:
                self._last, self._next = found, found[0] + 1
                if found[0] >= number:
                    return found if found[0] == number else None
        except OPEN_ERRORS as error:
            self._end = f" ({error})"
        self._last = self._next = None
        return None

    def _open(self) -> None:
        self._opened = opened_video(self.index.file)
        self._container, self._stream = self._opened.__enter__()
        # Several threads decode no faster where the machine is busy, and they do not report all damage.
        self._stream.thread_type = "NONE"
        self._stream.codec_context.thread_count = 1
        self._frames = self._decoded()
        self._is_from_start = True
        self._last: _Found | None = None  # decoded last
        self._next: int | None = 0  # frame that comes next at the earliest; None where nothing comes
        self._end = ""  # why nothing comes, where something is wrong

    def _jump(self, key: int) -> None:
        """To a key frame, or the beginning."""
        if self.index.pts is None or key == 0:
            self.close()
            self._open()
            return
        self._last, self._next, self._is_from_start = None, key, False
        try:
            self._container.seek(self.index.pts[key], stream=self._stream)
        except OPEN_ERRORS:
            self._frames = iter(())
        else:
            self._frames = self._decoded()

    def _decoded(self) -> Iterator[_Found]:
        """Frames from here on. A frame that a decoder mended is reported, and so are frames that build on it."""
        damage: str | None = None
        counted = 0
        has_key = False
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except FFmpegError as error:
                damage = f"drawn upon one whose data is damaged ({error})"
                continue
            for frame in frames:
                # Without a number: one that the file marks as not shown.
                number = counted if self.index.pts is None else self._numbers.get(frame.pts or 0)
                counted += 1
                if frame.key_frame:
                    damage, has_key = None, True
                if frame.is_corrupt:
                    damage = f"damaged, or drawn upon frame {number}, which is"
                # Between two key frames, a decoder begins with whatever it has.
                if number is not None and (has_key or self._is_from_start):
                    yield number, frame, damage


def rgb_of(frame: VideoFrame, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """A frame's pixels, upright: uint8 RGB (H, W, 3), as large as they are, or at a `size` (width, height)."""
    source = frame.colorspace
    if source == _UNSPECIFIED:
        source = Colorspace.ITU709 if frame.height > _HIGH_DEFINITION_PX else Colorspace.ITU601
    width, height = size or (frame.width, frame.height)
    way = "AREA" if size else None
    pixels = frame.to_ndarray(format="rgb24", src_colorspace=source, width=width, height=height, interpolation=way)
    return np.ascontiguousarray(np.rot90(pixels, k=round(frame.rotation / 90)))


def _require_whole(file: Path, container: InputContainer, stream: VideoStream, packets: int, end_s: float) -> None:
    """Compares the frames with the number in the file's head."""
    is_mov = "mp4" in container.format.name
    if is_mov and stream.frames > packets:
        raise unreadable(file, f"it breaks off: {packets} of its {stream.frames} frames are there")
    is_announced = container.format.name in ("matroska,webm", "avi", "flv", "asf")
    if is_announced and container.duration:
        start_s = float((container.start_time or 0) * _MICROSECOND)
        announced_s = float(container.duration * _MICROSECOND) + start_s
        if end_s < announced_s - max(1.0, 0.02 * announced_s):
            raise unreadable(file, f"it breaks off: {end_s:.1f} of its {announced_s:.1f} seconds are there")


def _counted(file: Path) -> int:
    """The number of frames of a file that gives them no times: only decoding shows it."""
    count = 0
    with opened_video(file) as (container, stream):
        for packet in container.demux(stream):
            try:
                count += len(packet.decode())
            except OPEN_ERRORS:
                continue  # the error of a damaged frame comes when it is asked for
    return count


def _types(container: InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
