"""Studies in SQLite and in PostgreSQL: planned once, resumed, answered once, at once, and read as one table."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from threading import Barrier

import pytest
from sqlalchemy import create_engine, inspect

from pipelines.studies.plan import Candidate, PlanParams
from pipelines.studies.store import COLUMNS, StudyStore
from pipelines.studies.study import AnsweredError, Shown, ShownTrial
from tests.pipelines.studies.conftest import METHODS, drawn, plan_study

MOS = PlanParams(kind="mos", pictures=4, golds=1, repeats=2)
PAIRS = PlanParams(kind="preference", pictures=4, golds=1, repeats=2)
FOUR = PlanParams(kind="questions", pictures=2, golds=1, repeats=0, with_hints=True)


def finish(store, study, rater, value=3) -> int:
    """Answers all that is left; how many."""
    count = 0
    while trial := store.next_trial(study, rater):
        store.answer(study, rater, trial.position, {question.key: value for question in trial.questions})
        count += 1
    return count


def test_a_rater_goes_through_a_study(store, clock):
    study = plan_study(store, MOS)
    assert store.studies() == [study]
    assert store.study("spring").questions[0].highest == 5
    first = store.next_trial(study, "ada")
    assert first
    assert (first.position, first.trials) == (1, 12 + 2 + 2)
    assert store.next_trial(study, "ada") == first  # shown again until it is answered
    clock.wait(4.5)
    store.answer(study, "ada", 1, {"overall": 4})
    assert finish(store, study, "ada") == 15
    assert store.next_trial(study, "ada") is None
    answers = store.answers(study)
    assert tuple(answers.columns) == COLUMNS
    assert answers["position"].tolist() == list(range(1, 17))
    assert answers["seconds"].tolist() == [4.5] + [0] * 15
    rated = answers[answers["purpose"] == "rated"]
    assert sorted(zip(rated["picture"], rated["method"], strict=True)) == [
        (f"p{index:02d}", method) for index in range(4) for method in METHODS
    ]
    assert set(answers.loc[answers["purpose"] == "gold", "method"]) == {"truth", "gray"}
    assert answers["right_method"].isna().all()
    assert set(rated["genre"]) == {"anime", "other"}


def test_what_is_shown_tells_no_method(store):
    study = plan_study(store, FOUR, given=True)
    assert {field.name for field in fields(ShownTrial)} == {"position", "trials", "pictures", "given", "questions"}
    seen = set()
    while trial := store.next_trial(study, "ada"):
        assert trial.given == drawn("given")  # with checks too
        assert [question.key for question in trial.questions] == [
            "same_color", "overflow", "overall", "unhinted_places",
        ]  # fmt: skip
        seen |= set(trial.pictures)
        store.answer(study, "ada", trial.position, dict.fromkeys((q.key for q in trial.questions), 0))
    pictures = {drawn(f"p{index:02d}", method) for index in range(2) for method in METHODS}
    assert seen == pictures | {drawn(0, "truth"), drawn(0, "gray")}


def test_pairs_are_shown_left_and_right(store):
    study = plan_study(store, PAIRS)
    while trial := store.next_trial(study, "ada"):
        store.answer(study, "ada", trial.position, {"overall": trial.position % 2})
        assert len(trial.pictures) == 2
        (row,) = store.answers(study).query(f"position == {trial.position}").to_dict("records")
        if row["purpose"] != "gold":
            assert trial.pictures == (drawn(row["picture"], row["method"]), drawn(row["picture"], row["right_method"]))


def test_a_rater_who_comes_back_goes_on_in_another_process(url):
    with_first = StudyStore(url)
    study = plan_study(with_first, MOS)
    for _ in range(5):
        trial = with_first.next_trial(study, "ada")
        with_first.answer(study, "ada", trial.position, {"overall": 2})
    with_first.close()
    again = StudyStore(url)
    assert again.next_trial(again.study("spring"), "ada").position == 6
    assert again.progress(study).to_dict("records") == [{"rater": "ada", "answered": 5, "trials": 16}]
    again.close()


def test_an_answer_stands(store):
    study = plan_study(store, MOS)
    store.next_trial(study, "ada")
    store.answer(study, "ada", 1, {"overall": 4})
    store.answer(study, "ada", 1, {"overall": 4})
    with pytest.raises(AnsweredError, match="'ada' answered trial 1 already"):
        store.answer(study, "ada", 1, {"overall": 5})
    assert store.answers(study)["value"].tolist() == [4]


@pytest.mark.parametrize(
    "answers", [{}, {"overall": 0}, {"overall": 6}, {"overall": 2.5}, {"overall": True}, {"other": 3}]
)
def test_only_what_was_asked_is_stored(store, answers):
    study = plan_study(store, MOS)
    store.next_trial(study, "ada")
    with pytest.raises(ValueError, match="overall"):
        store.answer(study, "ada", 1, answers)
    assert store.answers(study).empty


def test_only_what_was_shown_is_answered(store):
    study = plan_study(store, MOS)
    with pytest.raises(ValueError, match="trial 1 was not shown to 'ada'"):
        store.answer(study, "ada", 1, {"overall": 3})
    store.next_trial(study, "ada")
    for position in (0, 2, 99):
        with pytest.raises(ValueError, match=f"trial {position} was not shown"):
            store.answer(study, "ada", position, {"overall": 3})
    with pytest.raises(ValueError, match="expected a name"):
        store.next_trial(study, " ")


def test_many_raters_at_once_lose_nothing(url):
    planner = StudyStore(url)
    study = plan_study(planner, MOS)

    def take_part(rater: str) -> int:
        own = StudyStore(url)  # as another process would
        try:
            return finish(own, study, rater)
        finally:
            own.close()

    names = [f"r{index}" for index in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(take_part, names)) == [16] * 6
    answers = planner.answers(study)
    assert len(answers) == 6 * 16
    assert sorted(answers.groupby("rater").size().to_dict()) == names
    assert len({tuple(rows["picture"]) for _, rows in answers.groupby("rater")}) == 6  # numbers, and so orders, differ
    planner.close()


def test_the_windows_of_one_rater_make_one_rater(url):
    planner = StudyStore(url)
    study = plan_study(planner, MOS)
    everybody = Barrier(5)

    def open_and_answer(value: int) -> str:
        own = StudyStore(url)
        try:
            own.next_trial(study, "ada")
            everybody.wait(60)
            own.answer(study, "ada", 1, {"overall": value})
        except AnsweredError:
            return "refused"
        finally:
            own.close()
        return "stored"

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(open_and_answer, range(1, 6)))
    assert sorted(outcomes) == ["refused"] * 4 + ["stored"]
    assert planner.progress(study).to_dict("records") == [{"rater": "ada", "answered": 1, "trials": 16}]
    planner.close()


def test_plans_at_once_make_one_study(url):
    def plan(_: int) -> str:
        own = StudyStore(url)
        try:
            return plan_study(own, MOS).fingerprint
        finally:
            own.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(plan, range(4)))) == 1
    one = StudyStore(url)
    assert len(one.studies()) == 1
    one.close()


def test_a_study_is_what_it_was_planned_as(store):
    study = plan_study(store, MOS)
    assert plan_study(store, MOS) == study
    with pytest.raises(ValueError, match="'spring' already that shows something else"):
        plan_study(store, MOS.model_copy(update={"seed": 1}))
    other = plan_study(store, MOS, name="autumn")  # the same pictures are kept once
    assert other.fingerprint == study.fingerprint
    finish(store, other, "ada")
    assert store.answers(study).empty
    with pytest.raises(ValueError, match=r"no study 'winter'; there are: autumn, spring"):
        store.study("winter")


def test_before_a_plan_there_is_nothing(store):
    assert store.studies() == []
    with pytest.raises(ValueError, match="none is planned yet"):
        store.study("spring")


def test_a_plan_that_does_not_fit_is_refused(store):
    with pytest.raises(ValueError, match="1 methods"):
        plan_study(store, PAIRS, methods=("ours",))
    with pytest.raises(ValueError, match="9 repeats of 12 trials"):
        plan_study(store, MOS.model_copy(update={"repeats": 9}))
    with pytest.raises(ValueError, match="1 pictures and 0 golds; the parameters ask for 4 and 1"):
        store.plan("x", MOS, [Shown(Candidate("p", "", ""), {"ours": b"1"})], [], {"ours": ""})
    one = MOS.model_copy(update={"pictures": 1, "golds": 0})
    with pytest.raises(ValueError, match="p is by ours; expected base"):
        store.plan("x", one, [Shown(Candidate("p", "", ""), {"ours": b"1"})], [], {"base": ""})
    assert store.studies() == []


def test_databases_of_earlier_versions_are_read(store, url):
    """They keep the parameters of a study in the column `rule`."""
    plan_study(store, PlanParams(kind="mos", pictures=1, golds=0, repeats=0))
    engine = create_engine(url)
    assert "rule" in {column["name"] for column in inspect(engine).get_columns("study")}
    engine.dispose()


def test_pictures_of_what_was_dropped_are_blanked_and_answers_stay(store):
    study = plan_study(store, PlanParams(kind="mos", pictures=4, golds=0, repeats=0))
    shown = store.next_trial(study, "ada")
    assert shown
    answers = {question.key: 3 for question in study.questions}
    store.answer(study, "ada", shown.position, answers)
    blanked = store.withdraw(lambda title, picture: title == "title1", b"blank")
    assert blanked == len(METHODS)  # one picture of this title, by each method
    assert store.withdraw(lambda title, picture: title == "title1", b"blank") == 0
    assert len(store.answers(study)) == len(answers)
