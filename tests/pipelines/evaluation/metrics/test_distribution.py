"""FID and KID against closed forms, their protocol, and the networks that they look through."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from models.build import build_network
from models.classifiers.spec import TitleVgg16
from pipelines.evaluation.metrics.distribution import (
    FeatureExtractor,
    distribution,
    frechet_distance,
    kernel_distance,
    load_feature_extractor,
)
from pipelines.evaluation.metrics.title_features import TitleFeatures
from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.training.extractors import INCEPTION, WeightsUnavailable
from tests.pipelines.conftest import drawn_panel


class Colors(nn.Module):
    """Means of the four quarters: 12 features that are known by hand."""

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(rgb, 2).flatten(1)


@pytest.fixture(scope="module")
def truths() -> np.ndarray:
    return np.stack([drawn_panel(seed, 48, 48) for seed in range(40)])


@pytest.fixture(scope="module")
def efflite0() -> FeatureExtractor:
    return load_feature_extractor("efflite0", Path("nowhere"), device="cpu")


def features_of(pictures: np.ndarray) -> np.ndarray:
    return FeatureExtractor("colors", Colors(), device="cpu")(pictures)


def samples(count: int, width: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (count, width)) @ random.normal(0, 1, (width, width)) + random.normal(0, 1, width)


def test_fid_is_equation_6() -> None:
    one, other = samples(60, 8, 0), samples(50, 8, 1)
    covariances = np.cov(one.T), np.cov(other.T)
    expected = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    expected += np.trace(covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]).real)
    assert frechet_distance(one, other) == pytest.approx(expected)


def test_fid_of_fewer_pictures_than_features_is_exact_too() -> None:
    # The trace of the root of a product of covariances is the sum of the singular values of the samples' product.
    one, other = samples(9, 40, 0), samples(7, 40, 1)
    apart = one.mean(axis=0) - other.mean(axis=0)
    one_scaled, other_scaled = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (one, other))
    root = np.linalg.svd(one_scaled @ other_scaled.T, compute_uv=False).sum()
    expected = (apart**2).sum() + (one_scaled**2).sum() + (other_scaled**2).sum() - 2 * root
    assert frechet_distance(one, other) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "width"), [(50, 8), (9, 40)])
def test_fid_of_a_set_with_itself_is_0_and_of_a_shifted_one_the_shift(count: int, width: int) -> None:
    features = samples(count, width, 0)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(features + 0.5, features) == pytest.approx(0.25 * width, abs=1e-5)


def test_kid_is_the_unbiased_squared_mmd_of_a_cubic_kernel() -> None:
    one, other = samples(20, 6, 0), samples(20, 6, 1)
    within = [(x @ x.T / 6 + 1) ** 3 for x in (one, other)]
    expected = sum((kernel.sum() - np.trace(kernel)) / (20 * 19) for kernel in within)
    expected -= 2 * ((one @ other.T / 6 + 1) ** 3).mean()
    assert kernel_distance(one, other) == pytest.approx(expected)


def test_kid_of_two_samples_of_one_distribution_is_0_on_average_however_small_they_are() -> None:
    random = np.random.default_rng(0)
    found = [kernel_distance(*random.normal(0, 1, (2, 6, 4))) for _ in range(150)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert kernel_distance(*(random.normal(0, 1, (2, 6, 4)) + np.array([[[0]], [[3]]]))) > 10


def test_kid_of_sets_of_different_sizes_takes_subsets_the_same_each_time() -> None:
    one, other = samples(30, 6, 0), samples(20, 6, 1)
    before = torch.random.get_rng_state()
    assert kernel_distance(one, other, seed=1) == kernel_distance(one, other, seed=1)
    assert kernel_distance(one, other, seed=1) != kernel_distance(one, other, seed=2)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("count", "other_count"), [(9, 7), (40, 40), (1010, 1004)])
def test_both_are_those_of_torchmetrics(count: int, other_count: int, monkeypatch) -> None:
    monkeypatch.setattr("pipelines.evaluation.metrics.distribution.KID_SUBSETS", 3)
    random = np.random.default_rng(count)
    one, other = random.normal(0, 1, (count, 6)), random.normal(0.1, 1.1, (other_count, 6))
    given = nn.Identity()
    given.num_features = 6  # pyright: ignore[reportArgumentType]
    both = np.concatenate([one, other])
    turned = both - both.mean(axis=0)  # as they are before they are compared: rounding depends on it
    fid = FrechetInceptionDistance(feature=given).set_dtype(torch.float64)
    size = min(count, other_count, 1000)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
        kid = KernelInceptionDistance(feature=given, subsets=1 if count == other_count == size else 3, subset_size=size)
        for metric, pictures in ((fid, turned), (kid, both)):
            metric.update(torch.from_numpy(pictures[:count]), real=False)
            metric.update(torch.from_numpy(pictures[count:]), real=True)
        torch.manual_seed(3)
        assert kernel_distance(one, other, seed=3) == float(kid.compute()[0])
    assert frechet_distance(one, other) == float(fid.compute())


def test_the_truth_equals_the_oracle_and_the_gray_copy_the_baseline() -> None:
    real = samples(40, 12, 0)
    gray = real + 4
    perfect, half, copied = (distribution([x], real, gray, extractor="c") for x in (real, real + 2, gray))
    assert list(perfect) == ["fid_c", "kid_c"]
    for name in perfect:
        assert perfect[name]["mean"] == perfect[name]["oracle"] == copied[name]["oracle"]
        assert copied[name]["mean"] == copied[name]["baseline"] == perfect[name]["baseline"]
        assert perfect[name]["mean"] < half[name]["mean"] < copied[name]["mean"]
        assert (perfect[name]["draws"], perfect[name]["pictures"], perfect[name]["features"]) == (3, 40, 12)
        assert perfect[name]["std"] > 0


def test_halves_go_by_the_seed_and_draws_go_round(truths: np.ndarray) -> None:
    real, gray = features_of(truths), features_of(gray_to_rgb(rgb_to_gray(truths)))
    measured = [distribution([gray], real, gray, extractor="c", seed=seed)["fid_c"]["mean"] for seed in (0, 0, 1)]
    assert measured[0] == measured[1] != measured[2]
    mixed = distribution([real, gray], real, gray, extractor="c", draws=2)["fid_c"]
    assert mixed["oracle"] < mixed["mean"] < mixed["baseline"]
    assert np.isnan(distribution([gray], real, gray, extractor="c", draws=1)["fid_c"]["std"])


def test_three_pictures_have_no_distribution_and_wrong_features_are_errors() -> None:
    three = np.zeros((3, 5), np.float32)
    measured = distribution([three], three, three, extractor="c")["kid_c"]
    assert np.isnan([measured["mean"], measured["oracle"], measured["baseline"]]).all()
    assert measured["pictures"] == 3
    with pytest.raises(ValueError, match="expected"):
        distribution([three[:2]], three, three, extractor="c")


def test_pictures_reach_the_network_as_it_expects_them() -> None:
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    pictures[1, ..., 0] = 255
    np.testing.assert_allclose(features_of(pictures), [[-1.0] * 12, [1.0] * 4 + [-1.0] * 8])
    with pytest.raises(ValueError, match=r"expected \(N, F\)"):
        FeatureExtractor("maps", nn.Identity(), device="cpu")(pictures)


def test_efficientnet_lite0_sees_that_colour_is_gone(truths: np.ndarray, efflite0: FeatureExtractor) -> None:
    real, gray = (efflite0(x) for x in (truths[:16], gray_to_rgb(rgb_to_gray(truths[:16]))))
    measured = distribution([real], real, gray, extractor=efflite0.name)
    for name in ("fid_efflite0", "kid_efflite0"):
        assert measured[name]["oracle"] < measured[name]["baseline"]


def test_a_trained_classifier_lends_its_features(truths: np.ndarray) -> None:
    classifier = build_network(TitleVgg16(in_channels=3, titles=("a", "b"), width=4))
    features = FeatureExtractor("title_vgg16", TitleFeatures(classifier), device="cpu")(truths[:3])
    assert features.shape == (3, 32)
    with pytest.raises(ValueError, match="has no features of colour"):
        TitleFeatures(build_network(TitleVgg16(in_channels=1, titles=("a", "b"), width=4)))


def test_extractors_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="efflite0, inception"):
        load_feature_extractor("vgg", tmp_path)
    (tmp_path / INCEPTION.name).write_bytes(b"something else")
    with pytest.raises(WeightsUnavailable, match=INCEPTION.sha256):
        load_feature_extractor("inception", tmp_path)
