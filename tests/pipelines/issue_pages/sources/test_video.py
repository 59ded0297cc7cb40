"""Videos as a source: a real one, and small ones whose every frame is known by its colour."""

import shutil
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.images.decode import decode_picture
from pipelines.issue_pages.catalogue import sync_titles
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_files import Unreadable
from pipelines.issue_pages.sources.video import VideoSource
from pipelines.issue_pages.sources.video_frames import FrameReader, read_index
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import picture

BUNNY = Path(__file__).resolve().parents[4] / "../shared/data/video/bigbuckbunny.mp4"
needs_bunny = pytest.mark.skipif(not BUNNY.is_file(), reason=f"needs the licensed video {BUNNY}")
SIZE = (96, 64)


def titled(address: Path, **settings) -> dict[str, Title]:
    title = Title(
        key="film",
        source="video",
        address=str(address),
        licence="CC-BY-3.0",
        attribution="its makers",
        settings=settings,
    )
    return {"film": title}


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of a frame: no two of the first hundred are nearer than 40 steps."""
    return (40 + 44 * (number % 5), 40 + 44 * (number // 5 % 5), 40 + 44 * (number // 25 % 5))


def frame_of(colour: tuple[int, int, int]) -> np.ndarray:
    pixels = np.full((SIZE[1], SIZE[0], 3), colour, np.uint8)
    pixels[:8, :8] = 255
    return pixels


def write_video(
    file: Path,
    frames: list[np.ndarray],
    *,
    codec: str = "mpeg4",
    fps: int = 10,
    gop: int = 5,
    times: list[int] | None = None,
) -> Path:
    """A video of these frames; `times` in ticks of a thousandth of a second where they are not even."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        stream.bit_rate = 4_000_000
        if times:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 1000) if times else Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def coloured(count: int) -> list[np.ndarray]:
    return [frame_of(colour_of(number)) for number in range(count)]


def middle(png: bytes) -> np.ndarray:
    return decode_picture(png, name="frame")[32, 48].astype(int)


def stored(lake, key: str) -> list[bytes | None]:
    images = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
    return [image and image["bytes"] for image in images]


@needs_bunny
def test_every_fiftieth_frame_of_a_real_video(all_sources, lake):
    titles = titled(BUNNY)
    assert sync_titles(titles, all_sources, lake).keys == ("film__bigbuckbunny",)
    (issue,) = all_sources["video"].list_issues(titles["film"])
    assert issue.facts["fps"] == 25
    assert (issue.facts["width_px"], issue.facts["height_px"], issue.facts["codec"]) == (1280, 720, "h264")
    pages = all_sources["video"].list_pages(titles["film"], "bigbuckbunny")
    assert [(page.facts["frame"], page.facts["time_s"]) for page in pages] == [(0, 0.0), (50, 2.0), (100, 4.0)]
    assert pages[1].url == f"{BUNNY.as_uri()}#frame=50"
    report = collect_issue("film__bigbuckbunny", titles, all_sources, lake)
    assert [(row.width_px, row.height_px, row.format) for row in report.rows] == [(1280, 720, "png")] * 3
    with av.open(str(BUNNY)) as container:
        frames = list(container.decode(video=0))
    for data, number in zip(stored(lake, "film__bigbuckbunny"), (0, 50, 100), strict=True):
        expected = frames[number].to_ndarray(format="rgb24", src_colorspace="ITU709")
        assert np.array_equal(decode_picture(data, name="frame"), expected)
    again = collect_issue("film__bigbuckbunny", titles, all_sources, lake)
    assert (again.unchanged, again.not_modified, again.fetched) == (True, 3, 0)


@needs_bunny
def test_pages_in_order_cost_one_pass(client):
    title = titled(BUNNY, every_frames=2, width_px=64)["film"]
    source = VideoSource(client)
    with av.open(str(BUNNY)) as container:
        started = time.perf_counter()
        for frame in container.decode(video=0):
            frame.to_ndarray(format="rgb24")
        one_pass_s = time.perf_counter() - started
    pages = source.list_pages(title, "bigbuckbunny")
    assert len(pages) == 66
    started = time.perf_counter()
    for page in pages:
        source.fetch(title, page, None)
    # From the beginning for each page, it would be 33 passes: there is one key frame, the first.
    assert time.perf_counter() - started < 8 * one_pass_s


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"), ("a.avi", "mpeg4"), ("a.avi", "mjpeg"), ("a.webm", "libvpx-vp9")),
        *(("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.h264", "libx264")),
        ("a.mpg", "mpeg2video"),
    ],
)
def test_frames_are_those_that_were_drawn(tmp_path, all_sources, lake, name, codec):
    fps = 25 if codec == "mpeg2video" else 10
    write_video(tmp_path / name, coloured(60), codec=codec, fps=fps)
    report = collect_issue("film__a", titled(tmp_path, every_frames=7), all_sources, lake)
    assert [row.name for row in report.rows] == [f"frame-{number:06}.png" for number in range(0, 60, 7)]
    for data, number in zip(stored(lake, "film__a"), range(0, 60, 7), strict=True):
        assert np.abs(middle(data) - colour_of(number)).max() <= 12, number


def test_any_order_gives_the_same_pictures(tmp_path):
    file = write_video(tmp_path / "a.mkv", coloured(60), codec="libx264", gop=12)
    index = read_index(file)
    assert index.keys[0] == 0
    assert len(index.keys) >= 5
    reader = FrameReader(index)
    in_order = [reader.picture(number) for number in range(60)]
    for number in (59, 0, 30, 30, 31, 29, 58, 11, 12, 13, 1):
        assert np.array_equal(reader.picture(number), in_order[number]), number
    reader.close()


def test_frames_by_seconds_where_times_are_uneven(tmp_path, all_sources):
    times = [0, 100, 200, 1000, 1100, 2000, 2900]
    write_video(tmp_path / "a.mkv", coloured(7), times=times)
    pages = all_sources["video"].list_pages(titled(tmp_path, every_s=1.0)["film"], "a")
    assert [(page.facts["frame"], page.facts["time_s"]) for page in pages] == [(0, 0.0), (3, 1.0), (5, 2.0)]
    finer = all_sources["video"].list_pages(titled(tmp_path, every_s=0.5)["film"], "a")
    assert [page.facts["frame"] for page in finer] == [0, 2, 3, 4, 5]
    assert {page.facts["taken"] for page in finer} == {"every 0.5 s"}


def scenes() -> list[np.ndarray]:
    """Three scenes of 12, 9 and 19 frames, still but for a dot that moves."""
    frames = []
    for number in range(40):
        colour = (200, 40, 40) if number < 12 else (40, 60, 200) if number < 21 else (40, 180, 60)
        pixels = frame_of(colour)
        cv2.circle(pixels, (20 + number, 40), 4, (250, 250, 250), cv2.FILLED)
        frames.append(pixels)
    return frames


def test_cuts_are_taken_and_stills_are_left_out_with_their_reason(tmp_path, all_sources, lake):
    write_video(tmp_path / "a.mkv", scenes())
    titles = titled(tmp_path, every_frames=5, cut_change=30, min_change=12)
    report = collect_issue("film__a", titles, all_sources, lake)
    pages = all_sources["video"].list_pages(titles["film"], "a")
    assert [page.facts["frame"] for page in pages if page.skip is None] == [0, 12, 21]
    assert [page.facts["taken"] for page in pages if page.skip is None] == ["every 5 frames", "cut", "cut"]
    assert pages[3].facts["change"] > 30
    assert report.counts == {"ok": 3, "unwanted": 7}
    assert report.rows[1].detail.startswith("differs from frame 0 by ")
    only_cuts = all_sources["video"].list_pages(titled(tmp_path, every_frames=20, cut_change=30)["film"], "a")
    assert [page.facts["frame"] for page in only_cuts] == [0, 12, 20, 21]


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, (96, 64)),
        ({"width_px": 48}, (48, 32)),
        ({"height_px": 128}, (192, 128)),
        ({"width_px": 320, "height_px": 180}, (320, 180)),
    ],
)
def test_sizes(tmp_path, all_sources, lake, asked, size):
    write_video(tmp_path / "a.mkv", coloured(3))
    (row,) = collect_issue("film__a", titled(tmp_path, **asked), all_sources, lake).rows
    assert (row.width_px, row.height_px) == size
    (data,) = stored(lake, "film__a")
    pixels = decode_picture(data, name="frame")
    assert pixels.shape == (size[1], size[0], 3)
    full = decode_picture(stored_full(tmp_path, all_sources), name="frame")
    assert np.array_equal(pixels, cv2.resize(full, size, interpolation=cv2.INTER_CUBIC) if asked else full)


def stored_full(folder: Path, all_sources) -> bytes:
    title = titled(folder)["film"]
    page = all_sources["video"].list_pages(title, "a")[0]
    return all_sources["video"].fetch(title, page, None).picture.data


def test_another_size_is_another_page_and_another_step_is_not(tmp_path, all_sources, lake):
    write_video(tmp_path / "a.mkv", coloured(30))
    first = collect_issue("film__a", titled(tmp_path, every_frames=10), all_sources, lake)
    finer = collect_issue("film__a", titled(tmp_path, every_frames=5), all_sources, lake)
    assert (first.fetched, finer.fetched, finer.not_modified) == (3, 3, 3)
    smaller = collect_issue("film__a", titled(tmp_path, every_frames=5, width_px=48), all_sources, lake)
    assert (smaller.fetched, smaller.unchanged) == (6, False)


def test_an_interrupted_collection_loses_nothing(tmp_path, all_sources, lake):
    write_video(tmp_path / "a.mkv", coloured(30))
    titles = titled(tmp_path, every_frames=5)

    class Interrupted(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        collect_issue("film__a", titles, all_sources, lake, on_page=stop)
    report = collect_issue("film__a", titles, all_sources, lake)
    assert (report.resumed, report.fetched, report.counts) == (4, 2, {"ok": 6})
    assert len({row.sha256 for row in report.rows}) == 6


def test_a_folder_of_videos_and_what_is_none(tmp_path, all_sources, lake):
    write_video(tmp_path / "Episode 10 [1080p].mkv", coloured(3))
    write_video(tmp_path / "Episode 9.mp4", coloured(3))
    (tmp_path / "Episode 11.mp4").write_bytes(b"no video")
    (tmp_path / "cover.jpg").write_bytes(picture(1))
    (tmp_path / "LICENSE.txt").write_bytes(b"free")
    with av.open(str(tmp_path / "song.mkv"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 44100
        container.mux(stream.encode(samples))
        container.mux(stream.encode(None))
    entries = all_sources["video"].list_issues(titled(tmp_path)["film"])
    assert [(entry.issue, entry.state) for entry in entries] == [
        ("Episode-9", "free"),
        ("Episode-10-1080p", "free"),
        ("Episode-11", "unreadable"),
        ("song", "empty"),
        ("LICENSE.txt", "leftover"),
        ("cover.jpg", "unknown"),
    ]
    assert "Episode 11.mp4: no whole video" in entries[2].note
    report = sync_titles(titled(tmp_path), all_sources, lake)
    assert report.keys == ("film__Episode-9", "film__Episode-10-1080p")
    with pytest.raises(IssueUnavailable, match="film: issue Episode-12: no such file"):
        all_sources["video"].list_pages(titled(tmp_path)["film"], "Episode-12")
    with pytest.raises(ListingFailed, match="no such file or folder"):
        all_sources["video"].list_issues(titled(tmp_path / "nowhere")["film"])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_truncated_file_says_so(tmp_path, all_sources, lake, name):
    whole = write_video(tmp_path / name, coloured(60)).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        IssueUnavailable, match=rf"film: issue a: .*{name}: no whole video .*replace the file"
    ) as caught:
        collect_issue("film__a", titled(tmp_path), all_sources, lake)
    assert caught.value.state == "unreadable"


@needs_bunny
def test_a_truncated_file_with_its_head_in_front_says_how_much_is_there(tmp_path, all_sources, lake):
    with (
        av.open(str(BUNNY)) as source,
        av.open(str(tmp_path / "a.mp4"), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(IssueUnavailable, match=r"it breaks off.*frame|of its 132 frames are there"):
        collect_issue("film__a", titled(tmp_path), all_sources, lake)


@needs_bunny
def test_frames_after_damage_fail_with_their_number_and_no_other(tmp_path, all_sources, lake):
    with av.open(str(BUNNY)) as container:
        place = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][60]
    data = bytearray(BUNNY.read_bytes())
    start = place[0] + place[1] // 3
    data[start : start + 200] = np.random.default_rng(0).bytes(200)
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(PagesFailed, match=r"unreadable: .*frame=100: frame 100 is damaged.*frame 60") as caught:
        collect_issue("film__a", titled(tmp_path), all_sources, lake)
    assert caught.value.report.counts == {"ok": 2, "unreadable": 1}
    shutil.copyfile(BUNNY, tmp_path / "a.mp4")
    report = collect_issue("film__a", titled(tmp_path), all_sources, lake)
    assert report.counts == {"ok": 3}


def test_unknown_code_is_an_error(tmp_path, all_sources):
    file = write_video(tmp_path / "a.avi", coloured(5))
    file.write_bytes(file.read_bytes().replace(b"FMP4", b"QQQQ"))
    (entry,) = all_sources["video"].list_issues(titled(tmp_path)["film"])
    assert (entry.state, "in a code that is not known here" in entry.note) == ("unreadable", True)


def test_a_playlist_opens_no_other_file(tmp_path, all_sources):
    write_video(tmp_path / "secret.ts", coloured(3), codec="libx264")
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.ts\n#EXT-X-ENDLIST\n")
    states = {entry.issue: entry.state for entry in all_sources["video"].list_issues(titled(tmp_path)["film"])}
    assert states == {"list": "unreadable", "secret": "free"}


def test_too_many_pages_are_refused_before_any_is_made(tmp_path, all_sources):
    write_video(tmp_path / "a.mkv", coloured(30))
    for chosen in ({"every_frames": 1}, {"every_s": 0.0001}, {"every_frames": 10, "cut_change": 1}):
        with pytest.raises(IssueUnavailable, match="over max_pages 9") as caught:
            all_sources["video"].list_pages(titled(tmp_path, max_pages=9, **chosen)["film"], "a")
        assert caught.value.state == "too_long"


@pytest.fixture(scope="module")
def small_videos(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [
        write_video(folder / "a.mp4", coloured(12)),
        write_video(folder / "a.mkv", coloured(12), codec="libx264"),
        write_video(folder / "a.avi", coloured(12)),
    ]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_files_give_named_errors_only(tmp_path, client, small_videos, data):
    file = data.draw(st.sampled_from(small_videos))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + 4] = data.draw(st.binary(min_size=0, max_size=6))
    content = content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content
    mutated = tmp_path / file.name
    mutated.write_bytes(content)
    source, title = VideoSource(client), titled(mutated, every_frames=3)["film"]
    assert len(source.list_issues(title)) == 1
    with suppress(IssueUnavailable):
        for page in source.list_pages(title, "a"):
            with suppress(Unreadable):
                assert source.fetch(title, page, None).picture.format == "png"
