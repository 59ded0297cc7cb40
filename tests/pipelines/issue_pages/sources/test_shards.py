"""Shards: an illustration is always in the issue of the same name, and nothing of an issue comes after it is full."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.entry import ListingFailed
from pipelines.issue_pages.sources.shards import (
    LARGEST_NUMBER,
    MAX_ISSUES,
    NumberShards,
    issue_of_name,
    issues_of_names,
    numbers_of,
)
from pipelines.lake import issue_key, natural_key


def listed(shards: NumberShards, newest: int) -> dict[str, str]:
    return {entry.issue: entry.state for entry in shards.listed(newest=newest, where="set: http://h")}


def test_an_issue_is_named_by_its_range():
    assert NumberShards().issue_of(123456) == "000123000-000123999"
    assert numbers_of("000123000-000123999") == range(123000, 124000)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(number=st.integers(0, LARGEST_NUMBER), width=st.integers(10, 100_000))
def test_every_number_has_one_issue_that_holds_it(number, width):
    issue = NumberShards(ids_per_issue=width).issue_of(number)
    assert number in numbers_of(issue)
    assert issue_key("set", issue) == f"set__{issue}"
    assert all(NumberShards(ids_per_issue=width).issue_of(other) == issue for other in numbers_of(issue)[:: width - 1])


def test_issues_sort_as_their_numbers_do():
    issues = [NumberShards().issue_of(number) for number in (0, 9_999, 10_000, 1_234_567, 999_999_999)]
    assert issues == sorted(issues) == sorted(issues, key=natural_key)


def test_another_width_makes_other_issues():
    assert not set(listed(NumberShards(), 5000)) & set(listed(NumberShards(ids_per_issue=500), 5000))


def test_a_new_illustration_moves_none_and_fills_the_last_issue():
    shards = NumberShards(ids_per_issue=10)
    assert listed(shards, 28) == {
        "000000000-000000009": "free",
        "000000010-000000019": "free",
        "000000020-000000029": "growing",
    }
    assert listed(shards, 29)["000000020-000000029"] == "free"
    assert listed(shards, 30) == {**listed(shards, 29), "000000030-000000039": "growing"}


def test_an_issue_that_grows_is_collected_where_it_is_asked_for():
    shards = NumberShards(ids_per_issue=10, collect_growing=True)
    assert set(listed(shards, 25).values()) == {"free"}


def test_the_catalogue_does_not_change_with_each_illustration():
    shards = NumberShards(ids_per_issue=10)
    assert shards.listed(newest=23, where="") == shards.listed(newest=24, where="")


def test_a_range_bounds_issues_and_ends_them():
    shards = NumberShards(ids_per_issue=10, first_id=15, last_id=24)
    assert listed(shards, 100) == {"000000010-000000019": "free", "000000020-000000029": "free"}
    assert listed(shards, 23)["000000020-000000029"] == "growing"
    assert listed(shards, 24)["000000020-000000029"] == "free"
    assert shards.wanted(numbers_of("000000010-000000019")) == range(15, 20)
    assert shards.wanted(numbers_of("000000020-000000029")) == range(20, 25)
    assert not shards.wanted(numbers_of("000000030-000000039"))


def test_what_cannot_be_listed_says_why():
    with pytest.raises(ListingFailed, match=r"set: http://h: the newest id is 5, but first_id is 15; correct it"):
        listed(NumberShards(first_id=15), 5)
    with pytest.raises(ListingFailed, match=f"at most {MAX_ISSUES} are handled; raise ids_per_issue"):
        listed(NumberShards(ids_per_issue=10), LARGEST_NUMBER)
    with pytest.raises(ValueError, match="last_id 3 is smaller than first_id 5"):
        NumberShards(first_id=5, last_id=3)


@pytest.mark.parametrize(
    "issue",
    ["", "0001", "000123000", "000123999-000123000", "000000000-000999999", "00012300x-000123999", "../x", "١" * 9],
)
def test_other_names_are_no_range(issue):
    with pytest.raises(ValueError, match="expected first and last id"):
        numbers_of(issue)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(name=st.text(), count=st.integers(1, 5000))
def test_a_name_is_always_in_one_of_the_issues(name, count):
    issue = issue_of_name(name, count=count)
    assert issue == issue_of_name(name, count=count)
    assert issue in issues_of_names(count=count)
    assert issue_key("set", issue)


def test_names_are_spread_evenly_and_do_not_depend_on_each_other():
    issues = [issue_of_name(f"{number}.png", count=8) for number in range(4000)]
    assert issues_of_names(count=8) == [f"{number}-of-8" for number in range(1, 9)]
    assert all(400 < issues.count(issue) < 600 for issue in issues_of_names(count=8))
    assert issue_of_name("picture.png", count=16) == "12-of-16"  # for ever


def test_file_systems_may_compose_signs_otherwise():
    assert issue_of_name("a\u0301.png", count=1000) == issue_of_name("\u00e1.png", count=1000)
    assert issue_of_name("\udc80.png", count=1000)


@pytest.mark.parametrize("count", [0, -1, MAX_ISSUES + 1])
def test_a_number_of_issues_that_cannot_be(count):
    with pytest.raises(ValueError, match="expected 1 to"):
        issues_of_names(count=count)
