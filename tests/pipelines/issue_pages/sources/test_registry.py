"""A source is one module, one line in the registry and one paragraph in the docs."""

from pathlib import Path

import pytest

from pipelines.issue_pages.sources.registry import SOURCES

DOCS = Path("docs/sources.md")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_its_own_module_and_is_described(name):
    assert SOURCES[name].__module__ == f"pipelines.issue_pages.sources.{name}"
    assert f"`{name}`" in DOCS.read_text()
