"""What a title's address hides stays hidden: errors, pages and issues as they may be printed and stored."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import IssueEntry, ListingFailed, Skip, Unavailable
from pipelines.titles import Title


@contextmanager
def hiding(title: Title) -> Iterator[None]:
    """Errors leave the block without what the title hides, and without the errors that led to them."""
    try:
        yield
    except Exception as error:
        if not title.has_secrets:
            raise
        raise hidden_error(error, title) from None


def hidden_error(error: Exception, title: Title) -> Exception:
    """An error without what the title hides. One that is not a source's own becomes a RuntimeError."""
    text = title.shown(str(error))
    if not isinstance(error, FetchError | ListingFailed | Unavailable):
        return RuntimeError(f"{type(error).__name__}: {text}")
    error.args = (text,)
    if isinstance(error, FetchError):
        error.url, error.seen, error.remedy = (title.shown(part) for part in (error.url, error.seen, error.remedy))
    error.__cause__ = error.__context__ = None
    return error


def hidden_issue(entry: IssueEntry, title: Title) -> IssueEntry:
    """An issue as the catalogue may have it."""
    if not title.has_secrets:
        return entry
    return replace(entry, note=title.shown(entry.note), facts=hidden_facts(entry.facts, title))


def hidden_skip(skip: Skip | None, title: Title) -> Skip | None:
    """The reason to skip a page as its row may have it."""
    return replace(skip, detail=title.shown(skip.detail)) if skip else None


def hidden_facts(facts: Mapping[str, Any], title: Title) -> dict[str, Any]:
    """Facts as a table may have them: addresses in them, at any depth, without what the title hides."""
    return {name: _hidden_value(value, title) for name, value in facts.items()}


def _hidden_value(value: Any, title: Title) -> Any:
    if isinstance(value, str):
        return title.shown(value) if "://" in value else value
    if isinstance(value, Mapping):
        return hidden_facts(value, title)
    return [_hidden_value(one, title) for one in value] if isinstance(value, list | tuple) else value
