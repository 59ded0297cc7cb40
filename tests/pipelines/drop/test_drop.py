"""A drop: all that shows it goes, it does not come back by name or by content, and a killed drop is finished."""

import json
import shutil
from dataclasses import replace

import cv2
import pyarrow as pa
import pytest

from pipelines.colorize.params import ReferencesParams
from pipelines.colorize.title_references import build_title_references
from pipelines.drop.remove import remove
from pipelines.drop.report import Report, write_report
from pipelines.drop.target import Target, UnknownTarget
from pipelines.evaluation.unpaired import gray_panels
from pipelines.params import SPLITS, TrainingSetParams
from pipelines.terms.dropped import DroppedError, read_dropped, read_drops, take_back, write_drop
from pipelines.training_set import TrainingSet, build_training_set
from pipelines.variants import Withdrawn
from tests.pipelines.drop.conftest import NOW, Comics


def states(comics: Comics, title: str) -> dict[str, int]:
    return dict(comics.sync()[title])


def test_a_dropped_title_is_nowhere_and_stays_away(comics):
    fingerprint = comics.freeze()
    record = comics.trained(fingerprint)
    building = comics.trained("f" * 64, "two_stage", dependencies={"draft": record.mlflow_run_id})
    kept = [key for key in comics.lake.keys_with("panels") if key.startswith("ours")]
    comics.evaluated(fingerprint, ["hers__ep0__0001", "ours__ep0__0001"])
    report = comics.lake.trained(record.recipe) / record.key / "report"
    comics.lake.write_bytes(report / "activations.png", b"a picture")
    comics.lake.write_json(report / "report.json", {"accuracy": 0.5})
    places = comics.plan("hers")
    assert places.evaluated_runs == {"run-of-another-training"}
    assert places.counts()["issues whole"] == 3
    assert places.counts()["pages"] == 6
    assert [(one.record.recipe, one.why) for one in places.learned] == [
        ("webtoon_l2", "learned from it"),
        ("two_stage", "builds on webtoon_l2"),
    ]
    assert building.recipe == "two_stage"
    assert not comics.lake.dropped.exists()  # looking changes nothing

    removed = comics.drop("hers")
    assert any(line.startswith("arrays: variants/color/") for line in removed)
    assert comics.lake.keys_with("issue_pages") == comics.lake.keys_with("panels") == kept
    for table in (comics.lake.unique_panels, comics.lake.issue_splits):
        assert set(comics.lake.read_table(table, ["title"])["title"].to_pylist()) == {"ours"}
    assert not list(comics.lake.trained("webtoon_l2").rglob("*.jpg"))  # its samples
    assert [path.name for path in report.iterdir()] == ["report.json"]
    assert list(comics.lake.trained("two_stage").rglob("*.jpg"))  # of a training set without it
    assert not (comics.lake.root / "report").exists()
    assert not list((comics.lake.root / "cards").rglob("*.png"))
    shown = comics.lake.read_table(comics.lake.evaluations("webtoon_l2") / "e_gallery.parquet")["panel_id"].to_pylist()
    assert shown == ["ours__ep0__0001"]
    assert not list((comics.lake.root / "previews").glob("*/hers*"))
    assert list((comics.lake.root / "previews" / "panels").glob("ours*"))
    assert not list(comics.lake.variants("color").rglob("*.npy"))

    assert states(comics, "hers") == {"dropped": 3}
    assert comics.collect() == {}
    assert comics.lake.keys_with("panels") == kept
    assert set(comics.select().values()) == {"kept"}
    after = comics.freeze()
    assert after != fingerprint
    titles = set(TrainingSet.open(comics.lake).pairs("train", "gray", 16).titles)
    assert titles == {"ours"}


def test_a_training_that_needs_a_withdrawn_set_says_so_in_one_line(comics):
    fingerprint = comics.freeze()
    comics.drop("hers__ep0")
    frozen = TrainingSet.open(comics.lake, fingerprint)
    with pytest.raises(Withdrawn, match=r"dropped on 2026-11-28 \(asked by its author\).*tintoon run") as found:
        frozen.pairs("train", "gray", 16)
    assert "\n" not in str(found.value)
    with pytest.raises(Withdrawn):  # the arrays, before others were made
        build_training_set(comics.lake, TrainingSetParams(min_train_panels=1))
    assert frozen.digests("train")  # what it held is known all the same


def test_a_dropped_issue_leaves_the_others(comics):
    comics.freeze()
    comics.drop("hers__ep1")
    assert states(comics, "hers") == {"free": 2, "dropped": 1}
    assert "hers__ep1" not in comics.lake.keys_with("panels")
    assert {name.rpartition("__")[0] for name in comics.select()} == {
        *(f"hers__ep{number}" for number in (0, 2)),
        *(f"ours__ep{number}" for number in range(3)),
    }


@pytest.mark.parametrize("page", ["1", "p0.png"])
def test_a_dropped_page_stays_away_when_its_issue_is_collected_again(comics, page):
    comics.drop(f"hers__ep1:{page}")
    rows = comics.lake.read_table(comics.lake.issue_pages("hers__ep1")).to_pylist()
    assert [(row["status"], row["image"] is None) for row in rows] == [("dropped", True), ("ok", False)]
    assert comics.lake.read_table(comics.lake.panels("hers__ep1")).num_rows == 1
    assert comics.collect() == {}
    rows = comics.lake.read_table(comics.lake.issue_pages("hers__ep1")).to_pylist()
    assert [row["status"] for row in rows] == ["dropped", "ok"]
    assert comics.lake.read_table(comics.lake.panels("hers__ep1")).num_rows == 1
    assert states(comics, "hers") == {"free": 3}


def test_a_copy_of_the_same_bytes_goes_and_stays_away_under_any_name(comics):
    comics.titles["again"] = comics.titles["hers"].model_copy(
        update={"key": "again", "address": str(comics.folder / "again")}
    )
    shutil.copytree(comics.folder / "hers", comics.folder / "again")
    (comics.folder / "again" / "ep0" / "p0.png").rename(comics.folder / "again" / "ep0" / "renamed.png")
    assert comics.collect() == {}
    places = comics.plan("hers")
    assert (places.plan.copies, len(places.plan.parts)) == (6, 3)
    comics.drop("hers")
    assert not [key for key in comics.lake.keys_with("panels") if not key.startswith("ours")]
    failed = comics.collect()
    assert failed.keys() == {"again__ep0", "again__ep1", "again__ep2"}
    assert all("every page was dropped" in why for why in failed.values())
    assert states(comics, "again") == {"dropped": 3}
    # and a title that comes later
    comics.titles["later"] = comics.titles["hers"].model_copy(
        update={"key": "later", "address": str(comics.folder / "again")}
    )
    assert {key for key in comics.collect() if key.startswith("later")} == {"later__ep0", "later__ep1", "later__ep2"}
    assert states(comics, "later") == {"dropped": 3}


def test_another_encoding_of_the_same_picture_is_not_learned_from(comics):
    comics.drop("hers")
    folder = comics.folder / "encoded" / "ep0"
    folder.mkdir(parents=True)
    for path in sorted((comics.folder / "hers" / "ep0").iterdir()):
        pixels = cv2.imread(str(path))
        assert pixels is not None
        cv2.imwrite(str(folder / f"{path.stem}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
    comics.titles["encoded"] = comics.titles["ours"].model_copy(
        update={"key": "encoded", "address": str(comics.folder / "encoded")}
    )
    assert comics.collect() == {}
    decided = comics.select()
    assert {reason for name, reason in decided.items() if name.startswith("encoded")} == {"dropped"}
    assert {reason for name, reason in decided.items() if name.startswith("ours")} == {"kept"}


@pytest.mark.parametrize("copies", [True, False])
def test_a_mirror_image_is_not_learned_from_where_copies_go(comics, copies):
    folder = comics.folder / "flipped" / "ep0"
    folder.mkdir(parents=True)
    for path in sorted((comics.folder / "hers").rglob("*.png")):
        pixels = cv2.imread(str(path))
        assert pixels is not None
        small = cv2.resize(pixels[:, ::-1], None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{path.parent.name}-{path.stem}.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 60])
    comics.drop("hers", copies=copies)
    address = str(comics.folder / "flipped")
    comics.titles["flipped"] = comics.titles["ours"].model_copy(update={"key": "flipped", "address": address})
    assert comics.collect() == {}
    decided = comics.select()
    mirrored = [reason for name, reason in decided.items() if name.startswith("flipped")]
    assert mirrored == ["dropped" if copies else "kept"] * 6
    assert {reason for name, reason in decided.items() if name.startswith("ours")} == {"kept"}


def test_by_name_alone_the_successor_of_a_renamed_title_stays(comics):
    comics.titles["renamed"] = comics.titles.pop("hers").model_copy(update={"key": "renamed"})
    assert comics.collect() == {}
    comics.drop("hers", copies=False)
    assert comics.collect() == {}
    decided = comics.select()
    assert {reason for name, reason in decided.items() if name.startswith("renamed")} == {"kept"}
    assert not [name for name in decided if name.startswith("hers")]


def splits(comics: Comics) -> dict[str, str]:
    return {row["key"]: row["split"] for row in comics.lake.read_table(comics.lake.issue_splits).to_pylist()}


def digests(comics: Comics) -> list[str]:
    """Of every picture that splits and copies remember."""
    remembered = comics.lake.read_table(comics.lake.picture_splits, ["sha256"])["sha256"].to_pylist()
    return [*remembered, *comics.lake.read_json(comics.lake.copies)["compared"]]


@pytest.mark.parametrize(("target", "panels"), [("hers", 6), ("hers__ep1", 2), ("hers__ep1:p0.png", 1)])
def test_no_digest_of_it_is_left_where_splits_and_copies_are_remembered(comics, target, panels):
    gone = {panel.sha256 for panel in comics.plan(target).plan.drop.panels}
    assert len(gone) == panels
    before = digests(comics)
    assert gone <= {*before}
    removed = comics.drop(target)
    assert [digest for digest in before if digest not in gone] == digests(comics)
    assert [line for line in removed if "digests: picture_splits.parquet" in line]
    assert comics.collect() == {}
    comics.select()
    assert gone.isdisjoint(digests(comics))


def test_by_name_alone_the_successor_keeps_the_splits(comics):
    before = splits(comics)
    comics.titles["renamed"] = comics.titles.pop("hers").model_copy(update={"key": "renamed"})
    assert comics.collect() == {}
    comics.drop("hers", copies=False)
    comics.select()
    after = splits(comics)
    assert [after[f"renamed__ep{number}"] for number in range(3)] == [
        before[f"hers__ep{number}"] for number in range(3)
    ]


@pytest.mark.parametrize("target", ["hers__ep0", "hers__ep1", "hers"])
def test_what_is_let_in_again_has_the_splits_that_it_had(comics, target):
    before = splits(comics)
    comics.drop(target)
    assert comics.collect() == {}
    comics.select()  # forgets it
    take_back(comics.lake, target, at=NOW)
    assert comics.collect() == {}
    comics.select()
    assert splits(comics) == before


def test_what_was_dropped_can_be_let_in_again(comics):
    before = splits(comics)
    fingerprint = comics.freeze()
    comics.drop("hers__ep2")
    assert take_back(comics.lake, "ours", at=NOW) == []
    assert [drop.targets for drop in take_back(comics.lake, "hers__ep2", at=NOW)] == [("hers__ep2",)]
    assert read_dropped(comics.lake).drops == ()
    assert states(comics, "hers") == {"free": 3}
    assert comics.collect() == {}
    assert set(comics.select().values()) == {"kept"}
    assert splits(comics) == before
    assert comics.freeze() == fingerprint
    assert len(TrainingSet.open(comics.lake, fingerprint).pairs("train", "gray", 16).panel_ids)


def test_interrupted_trainings_on_other_sets_stay(comics):
    fingerprint = comics.freeze()
    for name, values in {
        "on_it": {"run_id": "a", "training_set": fingerprint},
        "on_another": {"run_id": "b", "training_set": "f" * 64},
        "of_an_earlier_version": {"run_id": "c"},
        "unknown": None,
    }.items():
        folder = comics.cache / "training" / name
        folder.mkdir(parents=True)
        if values:
            (folder / "mlflow_run.json").write_text(json.dumps(values))
    comics.drop("hers__ep0")
    assert [path.name for path in (comics.cache / "training").iterdir()] == ["on_another"]


class Killed(BaseException):
    pass


def test_a_drop_that_was_killed_at_any_moment_is_finished_by_the_same_command(comics, tmp_path_factory):
    fingerprint = comics.freeze()
    comics.trained(fingerprint)
    comics.evaluated(fingerprint, ["hers__ep0__0001", "ours__ep0__0001"])
    whole = comics.copied_to(tmp_path_factory.mktemp("whole") / "it")
    steps = len(whole.drop("hers"))
    wanted = files_of(whole)
    assert steps > 20
    for moment in range(0, steps, 4):
        other = comics.copied_to(tmp_path_factory.mktemp("killed") / "it")
        kill_at(other, moment)
        assert [drop.finished for drop in read_drops(other.lake)] == [False]
        assert states(other, "hers") == {"dropped": 3}  # nothing of it is trusted
        next_run = other.copied_to(tmp_path_factory.mktemp("next") / "it")
        assert titles_of_training_set(next_run) == {"ours"}, moment
        other.drop("hers")
        assert len(read_drops(other.lake)) == 1
        assert files_of(other) == wanted, moment


def titles_of_training_set(comics: Comics) -> set[str]:
    """The titles of a training set that is frozen now, from the decisions as they are."""
    comics.freeze()
    frozen = TrainingSet.open(comics.lake)
    return {title for split in SPLITS for title in frozen.pairs(split, "gray", 16).titles}


def test_an_interrupted_drop_of_a_page_by_name_alone_leaves_nothing_to_learn_from(comics):
    fingerprint = comics.freeze()
    drop = comics.plan("hers__ep1:1", copies=False).plan.drop
    going = {panel.panel_id for panel in drop.panels}
    write_drop(comics.lake, drop)  # the first step
    with pytest.raises(DroppedError, match=r"1 pictures were dropped on .*: finish that: tintoon drop .*--keep-copies"):
        build_training_set(comics.lake, TrainingSetParams(min_train_panels=1))
    split = next(name for name in SPLITS if going & TrainingSet.open(comics.lake, fingerprint).digests(name).keys())
    with pytest.raises(DroppedError, match="training set"):  # a training that goes on with the set of before
        TrainingSet.open(comics.lake, fingerprint).pairs(split, "gray", 16)
    comics.freeze()
    kept = {name for split in SPLITS for name in TrainingSet.open(comics.lake).digests(split)}
    assert len(kept) == 11
    assert not going & kept


def test_an_index_of_references_is_made_without_what_an_interrupted_drop_takes(comics):
    params = ReferencesParams(max_panels=20)
    before = build_title_references(comics.lake, "hers", params, cache=comics.cache)
    write_drop(comics.lake, comics.plan("hers__ep1").plan.drop)  # the first step
    after = build_title_references(comics.lake, "hers", params, cache=comics.cache)
    assert (before.kept_panels, after.kept_panels, after.removed) == (6, 4, 4)  # two variants


def test_gray_pictures_of_an_interrupted_drop_are_not_shown(comics):
    table = comics.lake.read_table(comics.lake.unique_panels).to_pandas()
    table["reason"] = "gray"
    schema = comics.lake.read_table(comics.lake.unique_panels).schema
    comics.lake.write_table(comics.lake.unique_panels, pa.Table.from_pandas(table, schema=schema), made_from="")
    kill_at(comics, 0)
    assert {name.partition("__")[0] for name in gray_panels(comics.lake, 20)} == {"ours"}


def test_an_interrupted_drop_that_keeps_copies_is_finished_as_one(comics):
    comics.titles["renamed"] = comics.titles["hers"].model_copy(update={"key": "renamed"})
    assert comics.collect() == {}
    kill_at(comics, 3, copies=False)
    (interrupted,) = read_dropped(comics.lake).drops
    assert interrupted.command == "tintoon drop hers --keep-copies"
    places = comics.plan("hers")  # even without the option
    assert (places.plan.drop.copies, places.plan.copies, places.plan.drop.page_digests) == (False, 0, ())
    comics.drop("hers")
    comics.titles.pop("hers")
    assert comics.collect() == {}
    assert {name.partition("__")[0] for name in comics.select()} == {"renamed", "ours"}


def test_a_record_of_an_earlier_version_says_whether_copies_go(comics):
    comics.drop("hers__ep0")
    comics.drop("hers__ep1", copies=False)
    values = comics.lake.read_json(comics.lake.dropped)
    for drop in values["drops"]:
        del drop["copies"]
    comics.lake.write_json(comics.lake.dropped, values)
    assert [drop.copies for drop in read_drops(comics.lake)] == [True, False]


def kill_at(comics: Comics, moment: int, target: str = "hers", *, copies: bool = True) -> None:
    done = 0

    def note(*_: object) -> None:
        nonlocal done
        done += 1
        if done > moment:
            raise Killed

    with pytest.raises(Killed):
        remove(comics.plan(target, copies=copies), comics.cache, note)


def files_of(comics: Comics) -> set[str]:
    root = comics.folder / "lake"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_the_report_names_all_and_holds_no_pictures(comics):
    fingerprint = comics.freeze()
    comics.trained(fingerprint)
    places = comics.plan("hers__ep0", "hers__ep1:2")
    report = Report(places)
    remove(places, comics.cache, report.on_removed)
    path = write_report(comics.lake, report)
    text = path.read_text()
    for part in ("hers__ep0, hers__ep1:2", "asked by its author", "webtoon_l2", "variants/color/", "## Not removed"):
        assert part in text
    found = comics.lake.read_json(path.with_suffix(".json"))
    assert found["learned"][0]["checkpoint_sha256"] == "c" * 64
    assert found["training_sets_withdrawn"] == [fingerprint]
    assert {page["name"] for page in found["pages"]} == {"p1.png"}
    assert len(found["page_digests"]) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("his", "no title 'his'; there are: hers, ours"),
        ("hers__ep7", "no issue 'hers__ep7'; there are: hers__ep0, hers__ep1, hers__ep2"),
        ("hers__ep0:7", r"hers__ep0: no page '7'; there are: 1 \(p0.png\), 2 \(p1.png\)"),
        ("hers:1", "expected TITLE"),
        ("hers__ep0:", "expected TITLE"),
        ("hers:", "expected TITLE"),
        (":1", "expected TITLE"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(comics, text, said):
    with pytest.raises(UnknownTarget, match=said):
        comics.plan(text)
    assert Target.of("hers__ep0:a b.png").page == "a b.png"


def test_the_report_of_a_drop_that_was_killed_has_both_parts(comics):
    comics.trained(comics.freeze())
    first = Report(comics.plan("hers"))
    write_drop(comics.lake, first.places.plan.drop)
    write_report(comics.lake, first)
    remove(first.places, comics.cache, first.on_removed)
    again = Report(comics.plan("hers"))  # as after a kill: what the first part removed was not written
    remove(again.places, comics.cache, again.on_removed)
    path = write_report(comics.lake, again).with_suffix(".json")
    found = comics.lake.read_json(path)
    assert (found["counts"]["issues whole"], found["counts"]["pages"], len(found["panels"])) == (3, 6, 6)
    assert [one["recipe"] for one in found["learned"]] == ["webtoon_l2"]
    assert {one.suffix for one in path.parent.iterdir() if one.name != "record.json"} == {".json", ".md"}


@pytest.mark.parametrize("target", ["hers", "hers__ep1", "hers__ep1:p0.png"])
def test_a_drop_that_was_killed_after_its_tables_went_is_finished(comics, target):
    """Nothing but the record knows its name then: neither the lake nor titles.yaml nor a partition."""
    comics.freeze()
    comics.drop(target)
    for key in ("hers__ep0", "hers__ep1", "hers__ep2") if target == "hers" else ():
        assert not comics.lake.issue_pages(key).exists()
    comics.titles.pop("hers")
    places = comics.plan(target)
    assert len(read_drops(comics.lake)) == 1
    assert places.plan.drop.id == read_drops(comics.lake)[0].id
    assert places.training_sets  # so the report names what learned from it, though the arrays are gone


def test_a_finished_drop_leaves_nothing_to_remove(comics):
    comics.drop("hers")
    (done,) = read_drops(comics.lake)
    write_drop(comics.lake, replace(done, finished=True))
    assert comics.plan("hers").counts() == {}
