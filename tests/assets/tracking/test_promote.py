"""Champions on a real MLflow store: what is promoted, what is kept out and why, and the way back."""

import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from assets.tracking.model_card import card_path
from assets.tracking.promote import Promotion, promote_best, undo
from assets.tracking.registry import Registry, registry_lock
from assets.tracking.versions import Version, champion_checkpoint
from pipelines.comparison.leaderboards import stored_leaderboards
from pipelines.comparison.params import PromotionParams
from pipelines.evaluation.evaluation import load_evaluation
from pipelines.lake import Lake
from pipelines.training.store import read_record
from tests.assets.tinted import QUICK, Installation, freeze
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

__all__ = ["write_lake"]

FAINT, MILD, MIDDLING, STRONG = 0.05, 0.1, 0.25, 0.5
"""Tints, the better before the worse."""

# Two test issues: each picture counts.
ON_SCORE_ALONE = PromotionParams(resamples=1000, guards={}, min_issues=1)
OTHER = QUICK.model_copy(update={"seed": 1})
"""Another benchmark than QUICK."""

A, B, C = "webtoon_l2", "webtoon_no_skips", "webtoon_adversarial"
PROJECT = Path(__file__).resolve().parents[3]
LINES = "frames_convnet_edge"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Twelve test pictures, an MLflow store, and the baselines of gray."""
    found = Installation(tmp_path_factory.mktemp("evaluated") / "home")
    write: WriteLake = write_lake.__wrapped__()
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(3)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(20, 26)]),
        ("moon-cat", "4"): ("test", [drawn_panel(seed) for seed in range(30, 36)]),
    }
    freeze(write(found.root / "lake", issues))
    found.compare()
    return found


@pytest.fixture
def here(evaluated: Installation, tmp_path: Path) -> Installation:
    """One of its own."""
    return evaluated.copied_to(tmp_path / "home")


def promote(here: Installation) -> Promotion:
    """Ranks the evaluated recipes and promotes the best; the result of the track of gray."""
    here.compare()
    return here.promote(ON_SCORE_ALONE)[0]


def evaluate(here: Installation, name: str, tint: float) -> str:
    """Trains and evaluates a recipe; the SHA-256 of its checkpoint."""
    record = here.train(name, tint)
    here.evaluate(name)
    return record.checkpoint_sha256


def served(here: Installation) -> str:
    """The SHA-256 of what a user of the champion gets."""
    return sha256(champion_checkpoint(here.lake, cache=here.cache, store=here.tracking.uri).read_bytes()).hexdigest()


def test_the_first_champion_is_registered_with_its_card(here):
    registry = Registry(here.tracking, "gray")
    with pytest.raises(FileNotFoundError, match="no champion yet of track gray: train and compare first"):
        served(here)
    checkpoint = evaluate(here, A, MIDDLING)
    promotions = promote(here)
    assert (promotions.version.recipe, promotions.version.number, promotions.moved) == (A, "1", True)
    assert served(here) == checkpoint
    tags = promotions.version.tags
    assert tags["checkpoint_sha256"] == checkpoint
    assert tags["decision"] == promotions.reason
    assert "is the first champion: ciede2000" in promotions.reason
    assert promotions.reason.endswith(f"; {A} is worse than the picture itself")  # a finding, not a result
    assert tags["benchmark"] == load_evaluation(here.lake, A).benchmark_fingerprint
    assert tags["training_set"] == read_record(here.lake, A).training_set
    assert "previous" not in tags
    assert registry.at("challenger") is None

    card = card_path(here.lake, registry, promotions.version)
    text = card.read_text()
    assert promotions.reason in text
    pictures = {path.name for path in card.parent.glob("*.png")}
    assert pictures == {"best.png", "median.png", "worst.png"}
    assert all(f"(<{name}>)" in text for name in pictures)
    files = here.tracking.client().list_artifacts(promotions.version.run_id, "card")
    assert {Path(file.path).name for file in files} == {"model_card.md", *pictures}
    assert str(card) in here.tracking.client().get_model_version("colorizer", "1").description

    again = promote(here)
    assert (again.moved, again.version) == (False, promotions.version)


def test_a_worse_one_is_kept_out_and_a_better_one_promoted(here):
    registry = Registry(here.tracking, "gray")
    first = evaluate(here, A, MIDDLING)
    promote(here)

    evaluate(here, B, STRONG)
    kept = promote(here)
    assert (kept.version.number, kept.moved, served(here)) == ("1", False, first)
    challenger = registry.at("challenger")
    assert challenger is not None
    assert (challenger.recipe, challenger.number) == (B, "2")
    assert challenger.tags["decision"] == kept.reason
    assert kept.reason.startswith(f"{A} stays: {B} is not significantly better: ciede2000")
    card = card_path(here.lake, registry, challenger)
    assert kept.reason in card.read_text()
    card.unlink()  # as if killed before it was written: the next time makes up for it
    assert promote(here).reason == kept.reason  # the same again: no third version
    assert registry.at("challenger") == registry.numbered("2")
    assert kept.reason in card.read_text()

    better = evaluate(here, C, MILD)
    promoted = promote(here)
    assert (promoted.version.recipe, promoted.version.number, promoted.moved) == (C, "3", True)
    assert promoted.version.tags["previous"] == "1"
    assert promoted.reason.startswith(f"{C} is better than {A}: ciede2000")
    assert registry.at("challenger") is None
    assert served(here) == better

    # The recipe that is served, trained again and worse: what is served does not move with the recipe's name.
    evaluate(here, C, STRONG)
    assert promote(here).moved is False
    assert served(here) == better


def test_the_next_best_is_promoted_where_the_best_breaks_a_guard(here):
    evaluate(here, A, STRONG)
    promote(here)
    evaluate(here, B, FAINT)  # the best by far, and nearly gray
    evaluate(here, C, MIDDLING)
    here.compare()
    assert [row.name for row in stored_leaderboards(here.lake)[0][0].colorizers] == [B, C, A]
    promotions = here.promote(PromotionParams(resamples=1000, min_issues=1))[0]
    assert (promotions.version.recipe, promotions.moved) == (C, True)
    kept = here.promote(PromotionParams(resamples=1000, min_issues=1))[0]
    assert (kept.version.recipe, kept.moved) == (C, False)
    assert f"{B} is better (ciede2000" in kept.reason
    assert "but breaks colorfulness_error" in kept.reason
    challenger = Registry(here.tracking, "gray").at("challenger")
    assert challenger is not None
    assert challenger.recipe == B


def test_a_champion_of_an_older_benchmark_is_evaluated_again(here):
    old = evaluate(here, A, MIDDLING)
    promote(here)
    latest = load_evaluation(here.lake, A)
    here.train(A, STRONG)  # since then, and not evaluated: the old one serves
    for name, tint, moved in ((B, STRONG, False), (C, MILD, True)):
        here.train(name, tint)
        here.evaluate(name, OTHER)
        board = here.compare(OTHER).boards[0]
        assert A not in {row.name for row in board.rows}
        promotions = here.promote(ON_SCORE_ALONE)[0]
        assert promotions.moved is moved
        assert f"against {latest.metrics['ciede2000']:.4g}" in promotions.reason  # of what serves
        assert served(here) == (promotions.version.sha256 if moved else old)
    challenged = numbered(Registry(here.tracking, "gray"), "2")
    assert challenged.tags["benchmark"] == board.benchmark_fingerprint
    assert load_evaluation(here.lake, A).key == latest.key  # its own latest result stays what it was


def test_undo_goes_back_and_what_was_taken_back_is_never_promoted_again(here):
    registry, before = Registry(here.tracking, "gray"), {}
    with pytest.raises(ValueError, match="no champion of track gray to take back: there is none"):
        undo(cache=here.cache, tracking=here.tracking, track="gray")
    for name, tint in ((A, STRONG), (B, MIDDLING), (C, MILD)):
        before[name] = evaluate(here, name, tint)
        assert promote(here).moved
    back = undo(cache=here.cache, tracking=here.tracking, track="gray")
    assert (back.version.recipe, back.moved, back.reason) == (B, True, f"version 3, {C}, was taken back")
    assert served(here) == before[B]
    assert "undone" in numbered(registry, "3").tags

    stays = promote(here)  # C is still the best of the table
    assert (stays.version.recipe, stays.moved) == (B, False)
    assert served(here) == before[B]
    challenger = registry.at("challenger")
    assert challenger is not None
    assert challenger.recipe == A

    evaluate(here, C, FAINT)  # another checkpoint of that recipe may
    assert (promote(here).version.number, served(here) != before[C]) == ("4", True)
    assert [undo(cache=here.cache, tracking=here.tracking, track="gray").version.recipe for _ in range(2)] == [B, A]
    with pytest.raises(ValueError, match=f"{A} is the first"):
        undo(cache=here.cache, tracking=here.tracking, track="gray")
    assert served(here) == before[A]


def test_undo_passes_over_versions_that_were_taken_back(here):
    """A, then B, then A again, which is taken back: so is B after it, and nobody is left."""
    registry = Registry(here.tracking, "gray")
    evaluate(here, A, STRONG)
    promote(here)
    evaluate(here, B, MIDDLING)
    second = promote(here).version
    # By hand, as if a later benchmark had found the first to be the better one after all.
    registry.tag(numbered(registry, "1"), {"previous": second.number})
    registry.point("champion", numbered(registry, "1"))
    assert undo(cache=here.cache, tracking=here.tracking, track="gray").version.number == second.number
    with pytest.raises(ValueError, match=f"{B} is the first"):
        undo(cache=here.cache, tracking=here.tracking, track="gray")


def test_a_recipe_that_was_trained_again_after_its_evaluation_is_refused(here):
    evaluate(here, A, MIDDLING)
    here.compare()
    here.train(A, MILD)
    with pytest.raises(ValueError, match=rf"^{A} was trained again after it was evaluated: .*tintoon run evaluation"):
        here.promote(ON_SCORE_ALONE)
    assert Registry(here.tracking, "gray").at("champion") is None
    here.evaluate(A)
    assert promote(here).version.sha256 == read_record(here.lake, A).checkpoint_sha256


def test_each_track_has_a_champion_of_its_own(here):
    evaluate(here, A, MIDDLING)
    evaluate(here, LINES, 0.1)
    here.compare()
    promotions = {one.track: one.version for one in here.promote(ON_SCORE_ALONE)}
    assert {track: (version.recipe, version.number) for track, version in promotions.items()} == {
        "gray": (A, "1"),
        "line": (LINES, "1"),
    }
    path = champion_checkpoint(here.lake, cache=here.cache, store=here.tracking.uri, track="line")
    assert sha256(path.read_bytes()).hexdigest() == promotions["line"].sha256 != served(here)
    assert card_path(here.lake, Registry(here.tracking, "line"), promotions["line"]).exists()


def test_what_is_missing_is_named(here, tmp_path):
    with pytest.raises(ValueError, match="no champion: no colorizer has a result on this benchmark"):
        here.promote()
    evaluate(here, A, MIDDLING)
    here.compare()
    shutil.rmtree(here.root / "lake" / "evaluations" / A)
    with pytest.raises(FileNotFoundError, match=f"{A}: the evaluation that the leaderboard ranks is gone: materialize"):
        here.promote()
    with pytest.raises(FileNotFoundError, match="no leaderboard yet: train and compare first"):
        promote_best(
            Lake.at(tmp_path / "empty"), ON_SCORE_ALONE, cache=here.cache, weights=here.cache, tracking=here.tracking
        )


def test_a_leaderboard_of_an_older_benchmark_promotes_nothing(here, write_lake):
    evaluate(here, A, MIDDLING)
    here.compare()
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(3)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(20, 24)]),
    }
    freeze(write_lake(here.root / "lake", issues))  # other test pictures
    with pytest.raises(ValueError, match=r"the leaderboard of track gray is of benchmark .* materialize evaluation"):
        here.promote(ON_SCORE_ALONE)
    assert Registry(here.tracking, "gray").at("champion") is None


def start(here: Installation, call: str) -> subprocess.Popen:
    """Another process that makes a call on the installation `here`, once it has printed `ready`."""
    code = (
        "from pathlib import Path\n"
        "from assets.tracking.promote import undo\n"
        "from tests.assets.tinted import PARAMS, Installation\n"
        f"here = Installation(Path({str(here.root)!r}))\n"
        "here.tracking.client().search_registered_models()\n"
        "print('ready', flush=True)\n"
        f"try:\n    print({call})\n"
        "except ValueError as error:\n    print(error)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def test_undos_and_promotions_at_once_wait_for_one_another(here):
    registry, before = Registry(here.tracking, "gray"), {}
    for name, tint in ((A, STRONG), (B, MIDDLING), (C, MILD)):
        before[name] = evaluate(here, name, tint)
        assert promote(here).moved
    with registry_lock(here.cache):
        undoing = start(here, "undo(cache=here.cache, tracking=here.tracking, track='gray').version.number")
        promoting = start(here, "[one.moved for one in here.promote(PARAMS)]")
        for process in (undoing, promoting):
            assert process.stdout
            while "ready" not in process.stdout.readline():
                assert process.poll() is None
        time.sleep(1)  # time enough to go on without the lock
        assert (undoing.poll(), promoting.poll()) == (None, None)
        assert served(here) == before[C]
        # As another undo that was first: the promotion decides on what it leaves, the undo is not asked for any more.
        registry.tag(numbered(registry, "3"), {"undone": "now"})
        registry.point("champion", numbered(registry, "2"))
    undone, promoted = (process.communicate(timeout=100)[0].strip() for process in (undoing, promoting))
    assert undone.startswith("nothing was taken back: another process moved the champion")
    assert promoted == "[False]"  # version 3, the best of the table, was taken back while it waited
    assert "undone" not in numbered(registry, "2").tags
    assert served(here) == before[B]


def test_two_who_ask_to_undo_at_once_take_one_version_back(here):
    """Also where the first is done before the second has looked: it was asked for before."""
    registry = Registry(here.tracking, "gray")
    for name, tint in ((A, STRONG), (B, MIDDLING), (C, MILD)):
        evaluate(here, name, tint)
        assert promote(here).moved
    asked = datetime.now(UTC)
    assert undo(cache=here.cache, tracking=here.tracking, track="gray", asked=asked).version.number == "2"
    with pytest.raises(ValueError, match=r"nothing was taken back: .* version 2, .*, is served now; call it again"):
        undo(cache=here.cache, tracking=here.tracking, track="gray", asked=asked)
    assert [version.number for version in registry.undone()] == ["3"]
    assert undo(cache=here.cache, tracking=here.tracking, track="gray").version.number == "1"


def test_undo_to_a_version_that_was_deleted_says_so(here):
    for name, tint in ((A, STRONG), (B, MIDDLING)):
        evaluate(here, name, tint)
        promote(here)
    here.tracking.client().delete_model_version("colorizer", "1")
    with pytest.raises(ValueError, match="version 1, the one before, was deleted in MLflow"):
        undo(cache=here.cache, tracking=here.tracking, track="gray")
    registry = Registry(here.tracking, "gray")
    assert registry.undone() == []
    assert registry.numbered("1") is None


def numbered(registry: Registry, number: str) -> Version:
    found = registry.numbered(number)
    assert found
    return found
