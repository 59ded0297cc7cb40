"""The report on a title classifier: accuracies, confusions of titles, and dead channels.

Works on arrays and a trained network; reads and writes nothing. Paper 000, section IV.B, compares VGG16 and ResNet-50
on gray and on colour by accuracy, and by pictures of their activations; this gives numbers and two pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from models.classifiers.network import TitleNetwork, dead_channels
from pipelines.images.color import gray_to_rgb, network_input, network_target, resized
from pipelines.images.figure import INK, figure_picture, new_figure
from pipelines.images.sampling import evenly_spaced
from pipelines.images.sheets import labelled_grid
from pipelines.pairs import Pairs

_BATCH = 16  # bounds memory, not results
_CELL_PX = 72
_MARGIN_PX = 200
_DARK_SHARE = 0.6  # white numbers on cells of a larger share


@dataclass(frozen=True)
class ClassifierReport:
    """One classifier on the pictures of one split."""

    titles: tuple[str, ...]
    confusion: np.ndarray
    """(K, K) int64: number of pictures of the row's title for which the column's was predicted."""
    dead: dict[str, np.ndarray]
    """By stage, from the first: (C,) bool, channels without information: `models.classifiers.network.dead_channels`."""
    activations: np.ndarray
    """uint8 RGB: a row for each of some pictures: the picture, then each stage's mean over its channels."""

    @property
    def metrics(self) -> dict[str, float]:
        """`accuracy`, share of all pictures; `title_accuracy/<title>`, of the title's own, for those that have any;
        `dead_share/<stage>`, share of the stage's channels.
        """
        counts = self.confusion.sum(axis=1)
        right = self.confusion.diagonal()
        return {
            "accuracy": float(right.sum() / counts.sum()),
            **{
                f"title_accuracy/{title}": float(own_right / count)
                for title, own_right, count in zip(self.titles, right, counts, strict=True)
                if count
            },
            **{f"dead_share/{stage}": float(dead.mean()) for stage, dead in self.dead.items()},
        }

    def confusion_picture(self) -> np.ndarray:
        """The confusion matrix as uint8 RGB: counts, the darker the larger their share of their row (true title)."""
        shares = self.confusion / np.maximum(self.confusion.sum(axis=1, keepdims=True), 1)
        side = _MARGIN_PX + len(self.titles) * _CELL_PX
        figure = new_figure(side, side)
        axes = figure.add_subplot(xlabel="predicted title", ylabel="true title")
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(self.titles)), self.titles, rotation=30, ha="right")
        axes.set_yticks(range(len(self.titles)), self.titles)
        for (row, column), count in np.ndenumerate(self.confusion):
            ink = "white" if shares[row, column] > _DARK_SHARE else INK
            axes.text(column, row, str(count), ha="center", va="center", color=ink)
        return figure_picture(figure)


def report_on(network: TitleNetwork, pairs: Pairs, *, shown: int = 4) -> ClassifierReport:
    """Reports on a trained classifier, in evaluation mode, on its device.

    Args:
        network: A checkpoint's. With one channel it sees L of the variant, otherwise the RGB of the colour pictures.
        pairs: Pictures that it has not learned from, 32 pixels or more each way.
        shown: Pictures in the picture of activations, spread evenly over the split.

    Raises ValueError without pictures, or for one of a title that the network does not know.
    """
    titles = network.spec.titles
    unknown = sorted(set(pairs.titles) - set(titles))
    if not len(pairs) or unknown:
        raise ValueError(
            f"{len(pairs)} pictures, {len(unknown)} titles that the classifier does not know ({', '.join(unknown)}); "
            f"expected one picture or more, of: {', '.join(titles)}"
        )
    network.eval()
    predicted = np.concatenate(
        [_predicted(network, batch) for batch in _batches(network, pairs, np.arange(len(pairs)))]
    )
    true = np.array([titles.index(title) for title in pairs.titles])
    confusion = np.bincount(true * len(titles) + predicted, minlength=len(titles) ** 2).reshape(
        len(titles), len(titles)
    )
    dead = dead_channels(network, _batches(network, pairs, np.arange(len(pairs))))
    rows = evenly_spaced(len(pairs), shown)
    return ClassifierReport(
        titles=titles,
        confusion=confusion,
        dead={stage: is_dead.cpu().numpy() for stage, is_dead in dead.items()},
        activations=_activations(network, pairs, rows),
    )


def _batches(network: TitleNetwork, pairs: Pairs, rows: np.ndarray) -> Iterator[Tensor]:
    """The network's input for some pictures, (B, C, R, R) on its device."""
    device = next(network.parameters()).device
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        seen = (
            network_input(pairs.variant[part, 0], "lab")
            if network.spec.in_channels == 1
            else network_target(pairs.color[part], "rgb")
        )
        yield torch.from_numpy(np.ascontiguousarray(seen)).to(device)


@torch.inference_mode()
def _predicted(network: TitleNetwork, batch: Tensor) -> np.ndarray:
    return network(batch).argmax(dim=1).cpu().numpy()


@torch.inference_mode()
def _activations(network: TitleNetwork, pairs: Pairs, rows: np.ndarray) -> np.ndarray:
    grid, stages = [], []
    for row in rows:
        (batch,) = _batches(network, pairs, np.array([row]))
        maps = network.stages(batch)
        stages = list(maps)
        picture = gray_to_rgb(pairs.variant[row, 0]) if network.spec.in_channels == 1 else pairs.color[row]
        means = [_heat(stage[0].mean(dim=0).float().cpu().numpy(), picture.shape[:2]) for stage in maps.values()]
        grid.append([picture, *means])
    return labelled_grid(grid, ["picture", *stages], labels=[pairs.panel_ids[row] for row in rows])


def _heat(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(h, w) -> (*size, 3) uint8 RGB: dark for this map's least value, bright for its greatest; a constant is dark."""
    span = float(values.max() - values.min())
    scaled = (values - values.min()) * (255 / span if span > 0 else 0.0)
    scaled = np.rint(resized(scaled, size)).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
