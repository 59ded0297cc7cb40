"""A source is one module, one line in the registry and one paragraph in the docs."""

import re
from pathlib import Path

import pytest

from pipelines.issue_pages.sources.registry import SOURCES

DOCS = Path("docs/sources.md")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_its_own_module_and_is_described(name):
    assert SOURCES[name].__module__ == f"pipelines.issue_pages.sources.{name}"
    assert f"`{name}`" in DOCS.read_text()


def test_steps_to_add_a_source_name_real_places():
    steps = DOCS.read_text().partition("## Adding a source")[2]
    places = [place.replace("<name>", "peppercarrot") for place in re.findall(r"`((?:pipelines|tests)/[^`]+)`", steps)]
    assert len(places) >= 5
    assert [place for place in places if not Path(place).exists()] == []
