"""The assets of the group "collect": pages as served, and the panels cut from them."""

import dagster as dg

from assets.display import counts, pictures
from assets.partitions import issues
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from pipelines.issue_pages.params import FetchParams
from pipelines.lake import split_issue_key
from pipelines.panels.params import PanelParams
from pipelines.progress import progress_of


class PagesConfig(dg.Config, FetchParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
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

    params = settings.params("issue_pages", config, FetchParams)
    try:
        report = collect_issue(
            context.partition_key,
            catalogue.titles(),
            catalogue.sources(params),
            lake.open(),
            licences=params.licences,
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


class PanelConfig(dg.Config, PanelParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """How pages are cut; a title's own settings in titles.yaml come on top."""


@dg.asset(
    partitions_def=issues,
    deps=[issue_pages],
    group_name="1_collect",
    kinds={"opencv", "parquet"},
    owners=["team:data"],
    code_version="1",
)
def panels(
    context: dg.AssetExecutionContext,
    config: PanelConfig,
    lake: LakeResource,
    settings: StandingSettings,
    catalogue: Catalogue,
) -> dg.MaterializeResult:
    """Panels of an issue: stitched, cut at the common background, size-filtered, gray ones marked, hashed."""
    from pipelines.panels.build import build_panels
    from pipelines.previews import preview_cut, preview_panels

    key = context.partition_key
    title = catalogue.titles().get(split_issue_key(key)[0])
    params = settings.params("panels", config, PanelParams)
    opened = lake.open()
    report = build_panels(key, opened, title.panel_params(params) if title else params)
    seen = {"cut": preview_cut(opened, key), **preview_panels(opened, key)}
    return dg.MaterializeResult(
        metadata={
            "panels": report.panels,
            **counts(report.counts),
            "pages": report.pages,
            "layout": report.layout,
            "unchanged": report.unchanged,
            **pictures(seen),
        },
        data_version=dg.DataVersion(report.digest),
    )
