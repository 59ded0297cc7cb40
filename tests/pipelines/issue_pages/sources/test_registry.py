"""A source is one module, one line in the registry and one paragraph in the docs."""

from pathlib import Path

import pytest

from pipelines.issue_pages.sources.registry import SOURCES

PAGES = (Path("docs/sources.md"), Path("docs/guide.md"))


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_its_own_module_and_is_described(name):
    assert SOURCES[name].__module__ == f"pipelines.issue_pages.sources.{name}"
    for page in PAGES:
        assert f"`{name}`" in page.read_text("utf-8"), f"{page} does not name {name}"
