"""The templates of the report, with their filters."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape


@cache
def environment() -> Environment:
    """The templates of this folder; everything that comes in is escaped."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["breakable"] = _breakable
    found.filters["px"] = lambda place: f"{place:.1f}"
    return found


def _breakable(name: str) -> Markup:
    """A long name that may go on in the next line after its underscores and slashes."""
    if len(name) <= 10:
        return escape(name)
    return Markup(re.sub("([_/]+)", r"\1<wbr>", str(escape(name))))
