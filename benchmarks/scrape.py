"""Collecting pages from a host that answers at once, without pauses, against a bare loop that keeps the same bytes.

The host is a process of its own on this machine. The bare loop asks with one `requests.Session` and writes each body
into a file: no robots.txt, no look at the picture, no row, nothing kept of an interruption.
"""

import io
import multiprocessing
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import numpy as np
import requests
from PIL import Image

from benchmarks.curve import Curve
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_times
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.client.host_slots import HostSlots
from pipelines.issue_pages.client.site import Site
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.entry import Fetched, IssueEntry, NotModified, PageEntry
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.params import FetchParams
from pipelines.lake import Lake, issue_key
from pipelines.titles import Title

PAGES_PER_ISSUE = 50
_CLOCKS: tuple[Literal["cpu", "wall"], ...] = ("cpu", "wall")
PAGE_PX = (120, 160)


def page_bytes(number: int) -> bytes:
    """A small picture (JPEG, about 3 KB) whose bytes no other number has."""
    noise = np.random.default_rng(number).integers(0, 255, (PAGE_PX[1] // 8, PAGE_PX[0] // 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(PAGE_PX).save(file, "JPEG", quality=90)
    return file.getvalue()


def _serve(pages: int, port: Any) -> None:
    """Answers `GET /NUMBER.jpg` on connections that stay open, and 404 to everything else, until it is ended."""
    bodies = {f"/{number}.jpg": page_bytes(number) for number in range(pages)}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port.send(listening.getsockname()[1])
        while True:
            Thread(target=_answer, args=(listening.accept()[0], bodies), daemon=True).start()


def _answer(connection: socket.socket, bodies: dict[str, bytes]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as lines:
        while request := lines.readline():
            while lines.readline().strip():
                pass
            path = request.split()[1].decode()
            body = bodies.get(path, b"")
            status = "200 OK" if body else "404 Not Found"
            fields = f'Content-Type: image/jpeg\r\nContent-Length: {len(body)}\r\nETag: "{path}"\r\n\r\n'
            connection.sendall(f"HTTP/1.1 {status}\r\n{fields}".encode() + body)


@contextmanager
def host(pages: int) -> Iterator[str]:
    """The address of a host with so many pages, while the block runs."""
    mine, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(pages, its), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        process.kill()  # SIGTERM may be ignored, as in a shell's background job
        process.join()


class NumberedPages:
    """A source whose issues have `PAGES_PER_ISSUE` pages each, numbered through."""

    is_local = False

    def __init__(self, client: Client):
        self._client = client

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """None: the caller names the issues."""
        raise NotImplementedError

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The pages of an issue by its number."""
        first = int(issue) * PAGES_PER_ISSUE
        return [
            PageEntry(page=page, name=f"{page}.jpg", url=f"{title.address}/{first + page - 1}.jpg")
            for page in range(1, PAGES_PER_ISSUE + 1)
        ]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """None."""
        return None

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """Asks the host."""
        return self._client.page(page, Site(title.address), known)


def collect(address: str, folder: Path, pages: int) -> list[bytes]:
    """Collects all pages with our client into a lake; returns their bytes."""
    title = Title(key="drawn", source="numbered", address=address, licence="CC0-1.0", attribution="nobody")
    client = Client(FetchParams(spacing_s=0, retries=0), slots=HostSlots(folder / "slots"))
    lake = Lake.at(folder / "lake")
    found: list[bytes] = []
    for issue in range(pages // PAGES_PER_ISSUE):
        key = issue_key("drawn", str(issue))
        collect_issue(key, {"drawn": title}, {"numbered": NumberedPages(client)}, lake)  # pyright: ignore
        found += [image["bytes"] for image in lake.read_table(lake.issue_pages(key), ["image"])["image"].to_pylist()]
    return found


def bare_loop(address: str, folder: Path, pages: int) -> list[bytes]:
    """Asks for all pages with one session, writes each body into a file; returns the bytes of the files."""
    session = requests.Session()
    for number in range(pages):
        answer = session.get(f"{address}/{number}.jpg", timeout=30)
        answer.raise_for_status()
        (folder / f"{number}.jpg").write_bytes(answer.content)
    return [(folder / f"{number}.jpg").read_bytes() for number in range(pages)]


def run(quick: bool) -> list[Row]:
    """Pages a second, by CPU and by wall time."""
    pages = 100 if quick else 1000
    with host(pages) as address, tempfile.TemporaryDirectory() as kept:
        folders = (Path(tempfile.mkdtemp(dir=kept)) for _ in iter(int, 1))
        parts = {
            "ours": lambda: collect(address, next(folders), pages),
            "bare loop of requests": lambda: bare_loop(address, next(folders), pages),
        }
        check_equal(parts["ours"](), parts["bare loop of requests"](), "collected pages")
        times = in_turns(parts, rounds=1 if quick else 3, warm_up=0)
    why = (
        "beside the exchange, a page costs the host's lock and record for other processes, a file that survives an "
        "interruption, its picture decoded in full, and its row: each a tenth to a quarter of the bare loop"
    )
    return [
        row_of_times(
            f"collect pages, {clock} time",
            times,
            ours="ours",
            peer="bare loop of requests",
            target=2.0,
            clock=clock,
            why=why,
            facts={"pages": pages, "pages an issue": PAGES_PER_ISSUE},
        )
        for clock in _CLOCKS
    ]


def curves(quick: bool) -> list[Curve]:
    """CPU seconds over pages."""
    sizes = (100, 200) if quick else (100, 1_000, 10_000)
    points = []
    with host(max(sizes)) as address, tempfile.TemporaryDirectory() as kept:
        for pages in sizes:
            folder = Path(tempfile.mkdtemp(dir=kept))
            times = in_turns({"ours": lambda n=pages, f=folder: collect(address, f, n)}, rounds=1, warm_up=0)
            points.append((float(pages), times["ours"].cpu_s))
    return [Curve(name="pages of a host without pauses", size="pages", cost="CPU seconds", points=points)]
