"""Archives as titles, for the tests of what is read of them."""

from pathlib import Path

import pytest

from pipelines.issue_pages.entry import IssueUnavailable
from pipelines.titles import Title
from tests.pipelines.issue_pages.packed import (
    write_7z,
    write_rar,
    write_tar,
    write_zip,
)
from tests.pipelines.issue_pages.small_site import picture

COMIC_INFO = """<?xml version="1.0"?>
<ComicInfo><Title>Potion of Flight</Title><Series>Pepper&amp;Carrot</Series><Number>1.5</Number><Year>2014</Year>
<Month>5</Month><Day>10</Day><Web>https://one.example https://two.example</Web><LanguageISO>en</LanguageISO>
<PageCount>3</PageCount><Manga>No</Manga>
<Pages><Page Image="0" Type="FrontCover" ImageSize="1"/><Page Image="1"/><Page Image="2" Type="Deleted"/></Pages>
</ComicInfo>"""


def titled(address: Path, **settings) -> dict[str, Title]:
    title = Title(
        key="mine",
        source="archive",
        address=str(address),
        licence="CC-BY-4.0",
        attribution="its author",
        settings=settings,
    )
    return {"mine": title}


def pictures(*names: str) -> dict[str, bytes]:
    return {name: picture(number) for number, name in enumerate(names)}


def stored(lake, key: str) -> list[bytes | None]:
    images = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
    return [image and image["bytes"] for image in images]


def states(source, file: Path, **settings) -> dict[str, str]:
    return {entry.issue: entry.state for entry in source.list_issues(titled(file, **settings)["mine"])}


def why_not(source, file: Path, **settings) -> str:
    """The state of a file that is not opened, and why: the list and its pages say the same."""
    title = titled(file, **settings)["mine"]
    (entry,) = source.list_issues(title)
    with pytest.raises(IssueUnavailable) as caught:
        source.list_pages(title, entry.issue)
    assert caught.value.state == entry.state
    assert str(caught.value) == f"mine: issue {entry.issue}: {entry.note}"
    assert str(file) in entry.note
    return f"{entry.state}: {entry.note}"


PACKERS = {
    "cbz": write_zip,
    "cbt": write_tar,
    "tar.gz": lambda file, files: write_tar(file, files, packing="gz"),
    "tar.xz": lambda file, files: write_tar(file, files, packing="xz"),
    "cb7": write_7z,
    "cbr": write_rar,
}
