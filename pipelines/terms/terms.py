"""The terms under which the lake's pictures may be learned from now. What they refuse keeps its tables and its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipelines.terms.dropped import drop_command

Refusal = Literal["undeclared", "licence_changed", "unlicensed"]
"""Why a picture is not learned from: its title is not declared in titles.yaml; it was stored under another licence than
the one that its title declares now; its licence is not one that the installation collects."""


@dataclass(frozen=True)
class Terms:
    """The declared titles and the licences that are collected."""

    licences: Mapping[str, str | None]
    """By declared title, in their order: the licence of its pages; None where its source gives one for each page."""
    allowed: frozenset[str] = field(default_factory=frozenset)
    """The licences that the installation collects; empty: any."""

    def refusal(self, title: str, licence: str) -> Refusal | None:
        """Why a picture of a title, stored under a licence, is not learned from; None where it is."""
        if title not in self.licences:
            return "undeclared"
        declared = self.licences[title]
        if self.allowed and (declared or licence) not in self.allowed:
            return "unlicensed"
        return "licence_changed" if declared not in (None, licence) else None

    def remedy(self, refusal: Refusal, title: str) -> str:
        """What a person can do about it, in one line."""
        match refusal:
            case "undeclared":
                return f"declare {title} in titles.yaml again, or remove its tables: {drop_command(title)}"
            case "unlicensed":
                return f"allow its licence with the setting issue_pages.licences, or remove it: {drop_command(title)}"
            case "licence_changed":
                return (
                    f"store its pages under the licence of titles.yaml: tintoon run issue_pages panels --title {title}"
                )

    def within(self, titles: set[str]) -> dict[str, object]:
        """All that decides about pictures of these titles, as a JSON value."""
        return {
            "licences": {title: self.licences.get(title, "undeclared") for title in sorted(titles)},
            "undeclared": sorted(titles - self.licences.keys()),
            "allowed": sorted(self.allowed),
        }
