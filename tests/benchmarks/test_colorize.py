"""The benchmarks of colouring: their comparisons with references hold on small inputs."""

import numpy as np
import pytest
import torch

from benchmarks.colorize import check_luma, check_match, places_to_match, propagation_row
from benchmarks.inference import check_pictures


def test_luma_is_that_of_the_form_on_interleaved_channels():
    random = np.random.default_rng(0)
    gray = random.integers(0, 256, (90, 70), np.uint8)
    gray[:3], gray[3:6] = 0, 255
    for size in ((24, 32), (90, 70), (200, 100)):
        check_luma(random.integers(0, 256, (*size, 3), np.uint8), gray)


def test_propagation_is_the_quotient_of_what_the_filter_gives():
    page = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert propagation_row(page, rounds=1).name == "colours from marks to a page"


def test_matching_in_blocks_and_with_known_similarities_is_its_formula():
    match, features, lightness, references = places_to_match(150, 90)
    with torch.no_grad():
        check_match(match, features, lightness, references)
        known = references._replace(similarity=features @ references.features.T)
        check_match(match, features, lightness, known)
    check_match(match, features, lightness, references)  # with gradients, in one piece


def test_pictures_that_differ_are_no_result():
    picture = np.zeros((1, 4, 4, 3), np.uint8)
    check_pictures(picture, picture + 1)
    with pytest.raises(AssertionError, match="2 levels"):
        check_pictures(picture, picture + 2)
