"""The issues of a set of illustrations, which has no episodes: ranges of numbers, or shards by name.

Works on numbers and names; touches no files. An issue is named by its division, `000123000-000123999` or
`07-of-16`: an illustration is always in the issue of the same name, and another division makes other issues
and does not change known ones.

    NumberShards                            settings of a set with numbers; a source inherits from it
    NumberShards(...).issue_of(123456)      "000123000-000123999"
    NumberShards(...).listed(newest=...)    the issues of a set whose newest illustration has this number
    numbers_of("000123000-000123999")       range(123000, 124000)
    issue_of_name("a b.png", count=16)      "07-of-16", by the name's hash: files without numbers
    issues_of_names(count=16)               ["01-of-16", ..., "16-of-16"]
"""

import re
import unicodedata
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, Field, model_validator

from pipelines.issue_pages.entry import IssueEntry, ListingFailed

DIGITS = 9
LARGEST_NUMBER = 10**DIGITS - 1
MAX_ISSUES = 100_000
"""As many issues as one title may have: the orchestrator holds no more of all titles."""


class NumberShards(BaseModel, frozen=True, extra="forbid"):
    """Settings: the division of a set of numbered illustrations into issues, and the part of it to collect."""

    ids_per_issue: int = Field(
        default=1000, ge=10, le=100_000, description="Ids of one issue. Another width makes other issues."
    )
    first_id: int = Field(default=1, ge=0, le=LARGEST_NUMBER, description="The set begins here.")
    last_id: int | None = Field(
        default=None, ge=0, le=LARGEST_NUMBER, description="The set ends here; empty: with the newest."
    )
    collect_growing: bool = Field(
        default=False,
        description="Collect the newest issue before it is full; what comes later needs another run of it.",
    )

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.last_id is not None and self.last_id < self.first_id:
            raise ValueError(f"last_id {self.last_id} is smaller than first_id {self.first_id}")
        return self

    def issue_of(self, number: int) -> str:
        """The issue of an illustration, whichever range is meant. Raises ValueError beyond nine digits."""
        if not 0 <= number <= LARGEST_NUMBER:
            raise ValueError(f"id {number}: expected 0 to {LARGEST_NUMBER}")
        first = number // self.ids_per_issue * self.ids_per_issue
        return f"{first:0{DIGITS}}-{min(first + self.ids_per_issue - 1, LARGEST_NUMBER):0{DIGITS}}"

    def wanted(self, numbers: range) -> range:
        """The part of an issue's numbers that is in the title's range; may be empty."""
        last = LARGEST_NUMBER if self.last_id is None else self.last_id
        return range(max(numbers.start, self.first_id), min(numbers.stop, last + 1))

    def listed(self, *, newest: int, where: str) -> list[IssueEntry]:
        """The issues of a set whose newest illustration has the number `newest`, in order.

        All are "free" but the last one while it is not full: that one is "growing", unless it is to be collected
        all the same. So nothing of an issue is missed that comes after its collection. `where` names title and
        address in the error. Raises ListingFailed when there is none, or more than can be handled.
        """
        end = newest if self.last_id is None else min(newest, self.last_id)
        if end < self.first_id:
            raise ListingFailed(f"{where}: the newest id is {newest}, but first_id is {self.first_id}; correct it")
        starts = range(self.first_id // self.ids_per_issue * self.ids_per_issue, end + 1, self.ids_per_issue)
        if len(starts) > MAX_ISSUES:
            raise ListingFailed(
                f"{where}: {len(starts)} issues up to id {end}, at most {MAX_ISSUES} are handled; "
                "raise ids_per_issue, or set first_id and last_id"
            )
        return [self._entry(start, newest) for start in starts]

    def _entry(self, start: int, newest: int) -> IssueEntry:
        numbers = self.wanted(range(start, min(start + self.ids_per_issue, LARGEST_NUMBER + 1)))
        is_full = numbers[-1] <= newest
        return IssueEntry(
            issue=self.issue_of(start),
            # Not with the newest id: it would change the catalogue with every illustration.
            name=f"{numbers[0]} to {numbers[-1]}",
            state="free" if is_full or self.collect_growing else "growing",
            note="" if is_full else "not full yet: it is collected when it is",
            facts={"first_id": numbers[0], "last_id": numbers[-1]},
        )


def numbers_of(issue: str) -> range:
    """The numbers of an issue by its name, whatever width is set now. Raises ValueError when it is no such name."""
    match = re.fullmatch(rf"([0-9]{{{DIGITS}}})-([0-9]{{{DIGITS}}})", issue)
    first, last = map(int, match.groups()) if match else (0, -1)
    if last < first or last - first >= 100_000:
        raise ValueError(f"issue {issue!r}: expected first and last id in {DIGITS} digits, e.g. '000123000-000123999'")
    return range(first, last + 1)


def issue_of_name(name: str, *, count: int) -> str:
    """The issue of an illustration that has a name and no number: one of `count`, by the hash of its name.

    Names that differ only in how Unicode composes their signs are one: file systems change that by themselves.
    """
    _check_count(count)
    # A file name that is no text has lone surrogates, which UTF-8 alone cannot write.
    data = unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")
    return _name_of_bucket(int.from_bytes(sha256(data).digest()[:8], "big") % count, count)


def issues_of_names(*, count: int) -> list[str]:
    """All issues that `issue_of_name` can give, in order, empty ones too."""
    _check_count(count)
    return [_name_of_bucket(bucket, count) for bucket in range(count)]


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_ISSUES:
        raise ValueError(f"{count} issues: expected 1 to {MAX_ISSUES}")


def _name_of_bucket(bucket: int, count: int) -> str:
    return f"{bucket + 1:0{len(str(count))}}-of-{count}"
