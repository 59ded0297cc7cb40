"""The asset `issue_pages`: every page of an issue as served, with its HTTP provenance and licence."""

import dagster as dg

from assets.display import counts
from assets.partitions import issues
from assets.progress import progress_of
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from pipelines.issue_pages.politeness import Politeness


class PagesConfig(dg.Config, Politeness):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """How politely pages are fetched."""


@dg.asset(
    partitions_def=issues,
    pool="sources",  # one issue at a time: hosts see one connection, and pauses between requests
    group_name="1_collect",
    kinds={"requests", "parquet"},
    owners=["team:data"],
    code_version="1",
)
def issue_pages(
    context: dg.AssetExecutionContext,
    config: PagesConfig,
    lake: LakeResource,
    settings: StandingSettings,
    catalogue: Catalogue,
) -> dg.MaterializeResult:
    """Every page of an issue as served: bytes, URL, validators, digest, licence.

    A page that cannot be had fails its issue and keeps what did come; the next run fetches only what is missing.
    Adult, paid, gone and empty issues and titles are recorded as such, and fail; an empty one is worth another try.
    """
    from pipelines.issue_pages.collect import collect_issue
    from pipelines.issue_pages.entry import Unavailable

    politeness = settings.rule("issue_pages", config, Politeness)
    try:
        report = collect_issue(
            context.partition_key,
            catalogue.titles(),
            catalogue.sources(politeness),
            lake.open(),
            licences=politeness.licences,
            on_page=progress_of(context.log),
        )
    except Unavailable as error:
        raise dg.Failure(str(error), metadata={"state": error.state}, allow_retries=error.state == "empty") from error
    return dg.MaterializeResult(
        metadata={
            **counts(report.counts, "pages_"),
            "fetched": report.fetched,
            "not_modified": report.not_modified,
            "resumed": report.resumed,
            "gone": report.gone,
            "bytes": report.bytes_fetched,
            "unchanged": report.unchanged,
        },
        data_version=dg.DataVersion(report.digest),
    )
