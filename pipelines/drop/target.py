"""What a person wants dropped: a title, an issue, or one page of an issue."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pipelines.lake import Lake, natural_key, split_issue_key


class UnknownTarget(ValueError):
    """No such title, issue or page; the message names what there is."""


@dataclass(frozen=True)
class Target:
    """`pepper-carrot`, `pepper-carrot__ep05`, or `pepper-carrot__ep05:3` (a number, or a file name)."""

    text: str
    title: str
    issue: str | None = None
    """The key of the issue."""
    page: str | None = None

    @classmethod
    def of(cls, text: str) -> "Target":
        """Reads a target. Raises UnknownTarget for what can be none."""
        key, colon, page = text.partition(":")
        if not key or (colon and not (page and "__" in key)):  # an empty page is not the whole issue
            raise UnknownTarget(f"{text!r}: expected TITLE, TITLE__ISSUE or TITLE__ISSUE:PAGE")
        if "__" not in key:
            return cls(text, key)
        title, _ = split_issue_key(key)
        return cls(text, title, key, page or None)


def require_known(targets: Sequence[Target], lake: Lake, issues: Iterable[str], titles: Collection[str]) -> None:
    """Raises UnknownTarget for a title or an issue that neither the lake nor anybody else knows.

    issues, titles: Those that are known beside the lake's, e.g. as partitions, or declared.
    """
    keys = {*issues, *issues_of(lake)}
    names = {*titles, *(split_issue_key(key)[0] for key in keys)}
    for target in targets:
        if target.title not in names:
            raise UnknownTarget(f"no title {target.title!r}; there are: {_listed(names)}")
        if target.issue and target.issue not in keys:
            own = [key for key in keys if split_issue_key(key)[0] == target.title]
            raise UnknownTarget(f"no issue {target.issue!r}; there are: {_listed(own)}")


def issues_of(lake: Lake) -> list[str]:
    """Every issue of which the lake has a table, or pages of an interrupted collection."""
    partial = (
        f"{path.parent.name}__{path.name.removesuffix('.partial')[1:]}"
        for path in (lake.root / "issue_pages").glob("*/.*.partial")
    )
    return sorted({*lake.keys_with("issue_pages"), *lake.keys_with("panels"), *partial}, key=natural_key)


def _listed(names: Iterable[str]) -> str:
    found = sorted(names, key=natural_key)
    return ", ".join(found[:20]) + (f" and {len(found) - 20} more" if len(found) > 20 else "") or "none"
