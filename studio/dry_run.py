"""The output of `tintoon sync --dry-run`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console

from pipelines.issue_pages.plan import PlannedIssue

out = Console()

VERDICTS = {
    "fetch": "to fetch",
    "check": "to check",
    "have": "already kept",
    "leave": "left alone",
    "refuse": "refused",
}


def print_plan(planned: Iterable[tuple[str, PlannedIssue | Exception]], *, as_json: bool) -> list[str]:
    """Prints a dry run, a row an issue as it comes, or all of it as JSON; returns why titles could not be listed."""
    problems: list[str] = []
    issues: list[dict[str, Any]] = []
    for title, issue in planned:
        if isinstance(issue, Exception):
            problems.append(f"{title}: {issue}")
        elif as_json:
            issues.append(asdict(issue))
        else:
            counts = Counter(page.verdict for page in issue.pages)
            what = ", ".join(f"{counts[verdict]} {name}" for verdict, name in VERDICTS.items() if counts[verdict])
            shown = what if issue.state == "free" else f"{issue.state}: {issue.detail}"
            out.print(f"{issue.key}: {shown}", markup=False, highlight=False, soft_wrap=True)
            for reason, pages in Counter(page.reason for page in issue.pages if page.reason).items():
                out.print(f"  {pages} x {reason}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        out.print_json(data=issues, ensure_ascii=False)
    return problems
