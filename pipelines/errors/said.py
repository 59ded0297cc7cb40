"""The words of an error in one line, for people: what our own code raises says everything by itself."""

import re
from collections.abc import Sequence
from pathlib import Path

_PACKAGES = Path(__file__).parents[2]

_OWN_KIND = re.compile(r"(?:pipelines|models|assets)\.[\w.]+: ")
_ANY_KIND = re.compile(r"[\w.]+: ")
_RAISED_HERE = re.compile(rf'\s*File "{re.escape(str(_PACKAGES))}/(?:pipelines|models|assets)/[^\n]*\n\s*raise\b')
"""The last place of a traceback, where our own code raises: its message says everything."""


def said(message: str, stack: Sequence[str]) -> str:
    """The message of an error in one line; with its kind, where it may need that to be understood.

    message: As Python writes it, "kind: message". stack: The places of its traceback, as text, the last one last.
    """
    text = " ".join(message.split())
    is_ours = bool(stack) and _RAISED_HERE.match(stack[-1])
    found = (_ANY_KIND if is_ours else _OWN_KIND).match(text)
    return text[found.end() :] if found else text
