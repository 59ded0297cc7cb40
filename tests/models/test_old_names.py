"""Specifications of earlier versions are read, and digests stay what they were."""

import pytest

from models.kinds import spec_from_json
from models.old_names import current_parameter, with_earlier_names
from models.recipe import Augmentation
from models.recipes import RECIPES, recipe_of
from models.specs.hints import Points, Strokes
from pipelines.lake import digest_of


def test_specifications_are_read_by_their_earlier_names():
    stored = {"kind": "Points", "scale": 4, "least": 5, "most": 65, "few": 0.4, "few_most": 3}
    assert spec_from_json(stored) == Points(min_count=5, max_count=65, few=0.4, few_max=3)
    assert spec_from_json({"kind": "Strokes", "most": 7}) == Strokes(max_count=7)
    recipe = RECIPES["two_stage"].to_json()
    recipe["augmentation"] = {"kind": "Augmentation", "least_crop": 0.5}
    assert spec_from_json(recipe).augmentation == Augmentation(min_crop=0.5)


# As the version before the renaming computed them.
@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("webtoon_l2", "89d61897cb7d2365"),
        ("two_stage_draft", "098d723fca334689"),
        ("sketch_hint", "4968ca6e0ee43638"),
    ],
)
def test_digests_of_recipes_are_those_of_earlier_versions(name: str, digest: str):
    assert digest_of(with_earlier_names(recipe_of(name).to_json()))[:16] == digest


def test_logged_parameters_are_known_by_their_earlier_names():
    assert current_parameter("augmentation.least_crop") == "augmentation.min_crop"
    assert current_parameter("hint.few_most") == "hint.few_max"
    assert current_parameter("steps") == "steps"
