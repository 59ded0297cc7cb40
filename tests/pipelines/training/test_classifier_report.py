"""The report on a title classifier: counts by hand, pictures of the right size, refusals."""

import numpy as np
import pytest
import torch

from models.build import build_network
from models.classifiers.network import TitleNetwork, TitleResNet
from models.classifiers.spec import TitleResNet50, TitleVgg16
from pipelines.images.color import network_input, network_target
from pipelines.pairs import Pairs
from pipelines.training.classifier_report import report_on

TITLES = ("a-sun", "moon-cat")


def pairs_of(titles: tuple[str, ...], seed: int = 0) -> Pairs:
    color = np.random.default_rng(seed).integers(0, 256, (len(titles), 32, 32, 3), np.uint8)
    gray = color.mean(axis=-1).astype(np.uint8)[:, np.newaxis]
    return Pairs(color, gray, tuple(f"panel-{n}" for n in range(len(titles))), titles)


def built(spec: TitleVgg16 | TitleResNet50) -> TitleNetwork:
    torch.manual_seed(0)
    network = build_network(spec)
    assert isinstance(network, TitleNetwork)
    return network.eval()


@pytest.mark.parametrize("kind", [TitleVgg16, TitleResNet50])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_counts_are_those_of_the_networks_own_answers(kind: type[TitleVgg16], in_channels: int):
    network = built(kind(in_channels=in_channels, titles=TITLES, width=8))
    pairs = pairs_of(("moon-cat",) * 12 + ("a-sun",) * 7)  # more than one batch
    seen = network_input(pairs.variant[:, 0], "lab") if in_channels == 1 else network_target(pairs.color, "rgb")
    with torch.no_grad():
        logits = network(torch.from_numpy(np.ascontiguousarray(seen)))
        # Between the two middle answers, so that both titles are predicted: an untrained network predicts only one.
        apart = (logits[:, 0] - logits[:, 1]).median()
        layer = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)][-1]
        layer.bias[1] += apart + 1e-7 * apart.abs()
        predicted = network(torch.from_numpy(np.ascontiguousarray(seen))).argmax(dim=1).tolist()
    assert 0 < sum(predicted) < 19
    report = report_on(network, pairs)
    is_cat = [True] * 12 + [False] * 7
    by_hand = [
        [sum((c == cat) and t == answer for c, t in zip(is_cat, predicted, strict=True)) for answer in (0, 1)]
        for cat in (0, 1)
    ]
    assert report.confusion.tolist() == by_hand
    metrics = report.metrics
    assert metrics["accuracy"] == pytest.approx((by_hand[0][0] + by_hand[1][1]) / 19)
    assert metrics["title_accuracy/a-sun"] == pytest.approx(by_hand[0][0] / 7)
    assert metrics["title_accuracy/moon-cat"] == pytest.approx(by_hand[1][1] / 12)


def test_dead_stages_and_titles_without_pictures():
    network = built(TitleResNet50(titles=TITLES, width=8))
    assert isinstance(network, TitleResNet)
    torch.nn.init.zeros_(network.stem[0].weight)  # pyright: ignore[reportArgumentType]
    torch.nn.init.constant_(network.stem[1].bias[:4], -1.0)  # pyright: ignore[reportIndexIssue, reportArgumentType]
    torch.nn.init.constant_(network.stem[1].bias[4:], 1.0)  # pyright: ignore[reportIndexIssue, reportArgumentType]
    metrics = report_on(network, pairs_of(("a-sun",) * 3)).metrics
    assert metrics["dead_share/stem"] == 1.0  # half never fire, half are constant
    assert [name for name in metrics if name.startswith("dead_share/")] == [
        f"dead_share/{stage}" for stage in ("stem", "stage1", "stage2", "stage3", "stage4")
    ]
    assert "title_accuracy/moon-cat" not in metrics


def test_pictures_show_what_they_are_for():
    network = built(TitleVgg16(titles=TITLES, width=8))
    report = report_on(network, pairs_of(TITLES), shown=1)
    one, two = report.activations, report_on(network, pairs_of(TITLES), shown=2).activations
    assert one.dtype == np.uint8
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > 1.8 * (one.shape[0] - 30)
    colored = np.ptp(one.astype(int), axis=-1) > 40  # heat, of which every stage has some; the picture is gray
    columns = np.array_split(colored.any(axis=0), 6)
    assert [bool(column.mean() > 0.5) for column in columns] == [False] + [True] * 5
    matrix = report.confusion_picture()
    assert matrix.dtype == np.uint8
    assert matrix.shape == (200 + 2 * 72, 200 + 2 * 72, 3)
    is_blue = matrix[..., 2].astype(int) - matrix[..., 0] > 60
    assert is_blue.sum() > 0.5 * 72 * 72  # a row with a single picture: its cell is darkest


def test_what_cannot_be_reported_on_is_refused():
    network = built(TitleVgg16(titles=TITLES, width=8))
    with pytest.raises(ValueError, match=r"1 titles that the classifier does not know \(other\)"):
        report_on(network, pairs_of(("a-sun", "other")))
    with pytest.raises(ValueError, match="0 pictures"):
        report_on(network, pairs_of(()))
