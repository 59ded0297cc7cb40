"""The assets of the group "collect": pages as served, and the panels cut from them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.display import counts, pictures
from assets.each_issue import Results, each_issue, issue_started, one_by_one
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
) -> Any:
    """Every page of an issue as served: bytes, URL, validators, digest, licence.

    A page that cannot be fetched fails its issue, which keeps the others; the next run fetches only the missing ones.
    Adult, paid, gone and empty issues and titles are recorded as such, and fail; only an empty one is retried.
    """
    from pipelines.issue_pages.collect import collect_issue
    from pipelines.issue_pages.entry import Unavailable

    params = settings.params(context, FetchParams)
    titles, sources, opened = catalogue.titles(), catalogue.sources(params), lake.open()
    on_page = progress_of(context.log)

    def collect(key: str) -> dg.MaterializeResult:
        try:
            report = collect_issue(key, titles, sources, opened, licences=params.licences, on_page=on_page)
        except Unavailable as error:
            retry = error.state == "empty"
            raise dg.Failure(str(error), metadata={"state": error.state}, allow_retries=retry) from error
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

    return each_issue(context, lambda keys: one_by_one(keys, collect))


@stage_asset("panels")
def panels(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> Any:
    """Panels of an issue: stitched, cut by the most plausible explanation, filtered, gray ones marked, hashed.

    Pictures are shown where something changed. Many issues are worked on at once, on all cores of this process.
    """
    from pipelines.previews.panels import build_drawn_panels, panel_previews

    titles, opened = catalogue.titles(), lake.open()
    params = settings.params(context, PanelParams)

    def params_of(key: str) -> PanelParams:
        title = titles.get(split_issue_key(key)[0])
        return title.panel_params(params) if title else params

    def build(keys: Sequence[str]) -> Results:
        for key, found in build_drawn_panels({key: params_of(key) for key in keys}, opened):
            issue_started(key)
            if isinstance(found, Exception):
                yield key, found
                continue
            report = found.report
            metadata = {
                "panels": report.panels,
                **counts(report.counts),
                "pages": report.pages,
                **counts(report.explanations, "pages_explained_by_"),
                "layout": report.layout,
                "unchanged": report.unchanged,
                **(pictures(panel_previews(opened, key)) if found.is_drawn else {}),
            }
            yield key, dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(report.digest))

    return each_issue(context, build)
