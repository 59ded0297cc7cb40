"""The pages of README and docs name what there is, and what they show and link to is there."""

import re
from pathlib import Path

import pytest

from assets.stages import STAGES
from studio.cli.app import app
from tests.installation import PROJECT

GUIDE = PROJECT / "docs" / "guide.md"
SECURITY = PROJECT / "SECURITY.md"
PAGES = [PROJECT / "README.md", SECURITY, PROJECT / "tests" / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def test_the_guide_names_every_stage_and_command():
    guide = GUIDE.read_text("utf-8")
    assert not [stage for stage in STAGES if stage not in guide]
    commands = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert not [name for name in commands if f"tintoon {name}" not in guide and name not in {"demo", "up"}]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_of_a_page_lead_somewhere(page: Path):
    links = re.findall(r"\[[^\]]*\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_test_that_security_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", SECURITY.read_text("utf-8"))
    assert len(named) > 20
    for file, test in named:
        assert (PROJECT / file).is_file(), file
        assert not test or f"def {test}(" in (PROJECT / file).read_text("utf-8"), (file, test)
