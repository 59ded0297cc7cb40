"""Every source, by the name that titles.yaml writes. A new one is a module of that name, an import and a line here."""

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.sources.archive import ArchiveSource
from pipelines.issue_pages.sources.danbooru import DanbooruSource
from pipelines.issue_pages.sources.danbooru_dump import DanbooruDumpSource
from pipelines.issue_pages.sources.folder import FolderSource
from pipelines.issue_pages.sources.naver import NaverSource
from pipelines.issue_pages.sources.naver_2017 import Naver2017Source
from pipelines.issue_pages.sources.peppercarrot import PepperCarrotSource
from pipelines.issue_pages.sources.shuushuu import ShuushuuSource
from pipelines.issue_pages.sources.shuushuu_2017 import Shuushuu2017Source
from pipelines.issue_pages.sources.source import Source
from pipelines.issue_pages.sources.video import VideoSource
from pipelines.issue_pages.sources.webtoons import WebtoonsSource

SOURCES: dict[str, type[Source]] = {
    source.name: source
    for source in (
        NaverSource,
        Naver2017Source,
        FolderSource,
        ArchiveSource,
        VideoSource,
        WebtoonsSource,
        ShuushuuSource,
        Shuushuu2017Source,
        DanbooruSource,
        DanbooruDumpSource,
        PepperCarrotSource,
    )
}


WITH_OWN_LICENCES = frozenset({PepperCarrotSource.name})
"""Sources that give the licence of each page; pages of the others are under the licence of their title."""


def sources(client: Client) -> dict[str, Source]:
    """Every source by name, all asking through one client."""
    return {name: source(client) for name, source in SOURCES.items()}
