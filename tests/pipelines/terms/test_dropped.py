"""The record of drops cannot be made again: it is put back from its copy, or refused; advice keeps successors."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.lake import DamagedFileError, Lake
from pipelines.terms.dropped import Drop, drop_command, read_drops, write_drop
from pipelines.terms.terms import Terms

PROJECT = Path(__file__).parents[3]


def dropped(name: str) -> Drop:
    return Drop(name, "2026-11-28T12:00:00+00:00", "", (name,), (name,), (), (), (), ())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with two drops and their reports."""
    made = Lake.at(tmp_path / "lake")
    assert read_drops(made) == []
    for name in ("hers", "his"):
        write_drop(made, dropped(name))
        made.write_json(made.drop_reports / f"{name}.json", {})
    return made


def remove(lake: Lake) -> None:
    lake.dropped.unlink()


def cut_off(lake: Lake) -> None:
    lake.dropped.write_bytes(lake.dropped.read_bytes()[:40])


def empty(lake: Lake) -> None:
    lake.dropped.write_bytes(b"")


def of_another_shape(lake: Lake) -> None:
    lake.dropped.write_text('{"drops": [{}]}')


def from_an_old_backup(lake: Lake) -> None:
    values = lake.read_json(lake.dropped)
    lake.write_json(lake.dropped, {"drops": values["drops"][:1]})


SPOILT = [remove, cut_off, empty, of_another_shape, from_an_old_backup]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_record_is_put_back_from_its_copy(lake: Lake, spoil: Callable[[Lake], None], caplog) -> None:
    whole = lake.dropped.read_bytes()
    spoil(lake)
    assert [drop.id for drop in read_drops(lake)] == ["hers", "his"]
    assert lake.dropped.read_bytes() == whole
    assert "put back from" in caplog.text


@pytest.mark.parametrize("spoil", SPOILT)
def test_without_a_copy_a_spoilt_record_is_refused_and_nobody_is_told_to_remove_it(
    lake: Lake, spoil: Callable[[Lake], None]
) -> None:
    spoil(lake)
    lake.dropped_copy.unlink()
    with pytest.raises(DamagedFileError, match=r"dropped\.json: .*put back a copy of it, for without it") as error:
        read_drops(lake)
    assert "tintoon run" not in str(error.value)
    with pytest.raises(DamagedFileError):
        write_drop(lake, dropped("theirs"))


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_spoilt_copy_is_made_again_with_the_next_drop(lake: Lake, spoil: Callable[[Path], None]) -> None:
    spoil(Path(str(lake.dropped_copy)))
    write_drop(lake, dropped("theirs"))
    assert lake.dropped_copy.read_bytes() == lake.dropped.read_bytes()
    assert len(read_drops(lake)) == 3


def test_advice_to_tidy_up_keeps_what_has_the_same_pictures() -> None:
    assert drop_command("a b__ep1") == "tintoon drop 'a b__ep1' --keep-copies"
    terms = Terms({}, frozenset({"CC0-1.0"}))
    for refusal in ("undeclared", "unlicensed"):
        assert terms.remedy(refusal, "old").endswith("tintoon drop old --keep-copies")
    by_hand = [
        str(path)
        for package in ("pipelines", "assets", "studio")
        for path in (PROJECT / package).rglob("*.py")
        if re.search(r"tintoon drop \{", path.read_text(encoding="utf-8"))
    ]
    assert not by_hand, "drop_command words this"
