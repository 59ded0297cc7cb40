"""FID and KID of the outputs as a set, beside those of an oracle and of a baseline.

FID: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017),
equation 6. KID: Binkowski et al., "Demystifying MMD GANs" (2018): the unbiased squared MMD under a cubic kernel.

    halves   Each draw splits the pictures at random. Outputs of one half are compared with the truths of the other,
             so that no picture meets its own truth. Beside them are the oracle, truths of both halves, and the
             baseline, gray copies against truths. All three have the same numbers of pictures, so they compare,
             though FID falls with more pictures.
    name     The extractor is part of it: `fid_efflite0`, `kid_inception`. Two extractors do not compare.
    small    With fewer pictures in a half than features, FID's covariances have not their full rank: prefer KID,
             whose expectation does not depend on how many there are.

Both give, to the bit, what torchmetrics 1.9 gives in float64: importing it, with SciPy's signals and matplotlib, takes
longer than measuring fifteen pictures. Works on arrays; torch is imported when something is measured.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from pipelines.training.extractors import INCEPTION, fetched

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.classifiers.network import TitleNetwork

KID_SUBSET = 1000
KID_SUBSETS = 100
"""As published: of larger sets, so many random subsets of so many pictures. Smaller ones are taken whole, once."""

_BATCH = 16  # pictures through the network at once


class FeatureExtractor:
    """A network with a name: pictures in, features out."""

    def __init__(self, name: str, network: "nn.Module", *, device: str = "auto") -> None:
        """`network` maps float32 RGB (B, 3, H, W) in [-1, 1] to (B, F). `name` goes into the names of the metrics."""
        import torch

        self.name = name
        self._device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self._network = network.to(self._device).eval()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB -> (N, F) float32. Raises ValueError for a network that gives no (N, F)."""
        import torch

        features = []
        for start in range(0, len(pictures), _BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(pictures[start : start + _BATCH])).to(self._device)
            with torch.inference_mode():
                found = self._network(batch.permute(0, 3, 1, 2).float() / 127.5 - 1)
            if found.ndim != 2:
                raise ValueError(f"extractor {self.name}: gave {tuple(found.shape)}, expected (N, F)")
            features.append(found.float().cpu().numpy())
        return np.concatenate(features)


def load_feature_extractor(name: str, weights: Path, *, device: str = "auto") -> FeatureExtractor:
    """ "efflite0", whose weights are installed, or "inception", whose file is looked for in the folder `weights`.

    Raises ValueError for another name, WeightsUnavailable where the file is neither there nor to be had, and
    WeightsError where it does not fit. For a trained classifier: `load_title_extractor`.
    """
    if name == "efflite0":
        from models.efficientnet import load_efficientnet_lite0

        return FeatureExtractor(name, load_efficientnet_lite0(), device=device)
    if name == "inception":
        from models.inception import load_inception

        return FeatureExtractor(name, load_inception(fetched(INCEPTION, weights)), device=device)
    raise ValueError(f"no feature extractor {name!r}; there are: efflite0, inception")


TITLE_CLASSIFIER = "vgg16_color"
"""The recipe that the extractor `title_vgg16` is trained by; one that sees gray has no features of colour."""


def title_extractor_name(sha256: str) -> str:
    """The name of our own classifier as an extractor: the digest of its checkpoint is part of it, for numbers through
    another one do not compare.
    """
    return f"title_vgg16_{sha256[:8]}"


def load_title_extractor(checkpoint: Path, sha256: str) -> FeatureExtractor:
    """Our own classifier of titles (paper 000) as an extractor, from a checkpoint of TITLE_CLASSIFIER.

    Raises FileNotFoundError, or CheckpointError for a file that is no checkpoint.
    """
    from models.checkpoint import load_checkpoint
    from pipelines.evaluation.metrics.title_features import TitleFeatures

    network = cast("TitleNetwork", load_checkpoint(checkpoint).trained())
    return FeatureExtractor(title_extractor_name(sha256), TitleFeatures(network))


@dataclass(frozen=True)
class Distribution:
    """One number of a set, over draws."""

    mean: float
    std: float
    """Over draws, with n - 1; NaN of a single draw."""
    draws: int
    oracle: float
    """Mean for the truths themselves: the value of a perfect colorizer."""
    baseline: float
    """Mean for gray copies."""
    pictures: int
    """The size of the set; each draw compares one half with the other."""
    features: int
    """The width of the extractor. Above half the number of pictures, FID has not its full rank."""


def distribution(
    outputs: Sequence[np.ndarray],
    truths: np.ndarray,
    grays: np.ndarray,
    *,
    extractor: str,
    draws: int = 3,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """FID and KID of a set of outputs: `fid_<extractor>` and `kid_<extractor>` -> a Distribution's values.

    Args:
        outputs: (N, F) features; several where the colorizer was drawn several times (hints): draw d takes the
            d-th, and begins anew after the last.
        truths: (N, F) of the same pictures.
        grays: (N, F) of gray copies.
        extractor: The name of what gave the features.
        draws: How many random halves; 3 or more for a standard deviation.
        seed: Of the halves.

    All numbers are NaN for fewer than 4 pictures. Raises ValueError for arrays that do not fit together.
    """
    if not outputs or any(features.shape != truths.shape for features in (*outputs, grays)) or truths.ndim != 2:
        shapes = [features.shape for features in (*outputs, grays)]
        raise ValueError(
            f"features of outputs and grays {shapes}: expected (N, F) as those of the truths {truths.shape}"
        )
    count, width = truths.shape
    measured = np.full((2, 3, draws), np.nan)  # FID, KID; outputs, truths, grays; draws
    if count >= 4:
        for draw in range(draws):
            order = np.random.default_rng([seed, draw]).permutation(count)
            real, compared = order[: count // 2], order[count // 2 : count // 2 * 2]
            for place, features in enumerate((outputs[draw % len(outputs)], truths, grays)):
                measured[0, place, draw] = frechet_distance(features[compared], truths[real])
                measured[1, place, draw] = kernel_distance(features[compared], truths[real], seed=seed)
    return {
        f"{name}_{extractor}": asdict(
            Distribution(
                mean=float(of_outputs.mean()),
                std=float(of_outputs.std(ddof=1)) if draws > 1 else float("nan"),
                draws=draws,
                oracle=float(of_truths.mean()),
                baseline=float(of_grays.mean()),
                pictures=count,
                features=width,
            )
        )
        for name, (of_outputs, of_truths, of_grays) in zip(("fid", "kid"), measured, strict=True)
    }


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """FID of two sets of features, (N, F) and (M, F), 2 or more each: 0 for a set with itself, in squared units.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of their means and covariances (Heusel et al. 2017, equation 6).
    """
    import torch

    both = np.concatenate([features, others]).astype(np.float64)
    both -= both.mean(axis=0)
    if len(both) < both.shape[1]:
        # The distance does not change when the space is turned: so it is turned until all pictures lie in its first
        # N + M dimensions, and what they cannot fill is left out. Eigenvalues cost the cube of the dimensions.
        both = both @ np.linalg.qr(both.T)[0]
    (mean, covariance), (other_mean, other_covariance) = (
        _moments(torch.from_numpy(part)) for part in (both[len(features) :], both[: len(features)])
    )
    apart = (mean - other_mean).square().sum()
    spread = covariance.trace() + other_covariance.trace()
    # The trace of a root is the sum of the roots of the eigenvalues.
    shared = torch.linalg.eigvals(covariance @ other_covariance).sqrt().real.sum()
    return max(float(apart + spread - 2 * shared), 0.0)  # rounding may end below 0


def _moments(features: "Tensor") -> "tuple[Tensor, Tensor]":
    """The mean (F,) and the covariance (F, F), with n - 1, of (N, F) float64."""
    count = len(features)
    mean = features.sum(dim=0) / count
    return mean, (features.T @ features - count * mean.outer(mean)) / (count - 1)


def kernel_distance(features: np.ndarray, others: np.ndarray, *, seed: int = 0) -> float:
    """KID of two sets of features, (N, F) and (M, F), 2 or more each: about 0 for two samples of one distribution.

    The squared maximum mean discrepancy under the kernel (x y / F + 1)^3 (Binkowski et al. 2018, equation 4).
    Unbiased, so it may lie below 0; not multiplied by anything. Sets of up to KID_SUBSET pictures are taken whole; of
    larger ones KID_SUBSETS subsets, chosen by `seed`.
    """
    import torch

    size = min(len(features), len(others), KID_SUBSET)
    is_whole = len(features) == len(others) == size
    chance = torch.Generator().manual_seed(seed)
    given, compared = (torch.from_numpy(part.astype(np.float64)) for part in (features, others))
    found = []
    for _ in range(1 if is_whole else KID_SUBSETS):
        some = compared[torch.randperm(len(compared), generator=chance)[:size]]
        found.append(_discrepancy(some, given[torch.randperm(len(given), generator=chance)[:size]]))
    return float(torch.stack(found).mean())


def _discrepancy(features: "Tensor", others: "Tensor") -> "Tensor":
    """The unbiased squared discrepancy of two sets of one size, (M, F) float64 each."""
    count, width = features.shape

    def kernel(one: "Tensor", other: "Tensor") -> "Tensor":
        return (one @ other.T * (1 / width) + 1) ** 3

    within = [kernel(one, one) for one in (features, others)]
    own = sum((each.sum(dim=-1) - each.diag()).sum() for each in within)
    return own / (count * (count - 1)) - 2 * kernel(features, others).sum(dim=0).sum() / count**2
