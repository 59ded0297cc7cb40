"""What the benchmarks of trainings check before they measure."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import loader
from benchmarks.training_pictures import pairs_of_comics
from benchmarks.training_step import Family, _plain_step, _step, _training, check_close


@pytest.mark.parametrize("name", ["webtoon_l2", "two_stage_pix2pix"])
def test_the_peer_learns_from_the_same_loss(name: str, tmp_path: Path):
    family = Family(name, 32, 2)
    ours, plain = (_training(family, tmp_path, precision=precision) for precision in ("auto", "32-true"))
    check_close(ours, plain, family)
    before = plain.objective.networks["generator"].state_dict()
    before = {key: value.clone() for key, value in before.items()}
    _plain_step(plain)()
    _step(ours)
    after = plain.objective.networks["generator"].state_dict()
    assert any(not value.equal(after[key]) for key, value in before.items())


def test_a_batch_holds_what_png_files_hold(tmp_path: Path):
    pairs = pairs_of_comics(4, 32)
    gray, color = loader.PngFiles(tmp_path, pairs.color)[1]
    np.testing.assert_allclose(gray[0], pairs.variant[1, 0] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(color, pairs.color[1].transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)
