"""The assets of the group "collect": pages as served, and the panels cut from them."""

import dagster as dg

from assets.display import counts, pictures
from assets.progress import progress_of
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from assets.stages import stage_asset
from pipelines.issue_pages.params import FetchParams
from pipelines.lake import split_issue_key
from pipelines.panels.params import PanelParams


@stage_asset("issue_pages")
def issue_pages(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> dg.MaterializeResult:
    """Every page of an issue as served: bytes, URL, validators, digest, licence.

    A page that cannot be fetched fails its issue, which keeps the others; the next run fetches only the missing ones.
    Adult, paid, gone and empty issues and titles are recorded as such, and fail; only an empty one is retried.
    """
    from pipelines.issue_pages.collect import collect_issue
    from pipelines.issue_pages.entry import Unavailable

    params = settings.params(context, FetchParams)
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


@stage_asset("panels")
def panels(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> dg.MaterializeResult:
    """Panels of an issue: stitched, cut by the most plausible explanation, filtered, gray ones marked, hashed."""
    from pipelines.panels.build import build_panels
    from pipelines.previews import panel_previews

    key = context.partition_key
    title = catalogue.titles().get(split_issue_key(key)[0])
    params = settings.params(context, PanelParams)
    opened = lake.open()
    report = build_panels(key, opened, title.panel_params(params) if title else params)
    return dg.MaterializeResult(
        metadata={
            "panels": report.panels,
            **counts(report.counts),
            "pages": report.pages,
            **counts(report.explanations, "pages_explained_by_"),
            "layout": report.layout,
            "unchanged": report.unchanged,
            **pictures(panel_previews(opened, key)),
        },
        data_version=dg.DataVersion(report.digest),
    )
