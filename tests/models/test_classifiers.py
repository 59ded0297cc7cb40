"""Title classifiers: published parameter counts, shapes, their loss by hand, that they learn, dead channels."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from models.build import build_network, build_objective
from models.classifiers.network import TitleNetwork, TitleResNet, TitleVgg, dead_channels
from models.classifiers.spec import TellTitle, TitleClassifier, TitleResNet50, TitleVgg16
from models.kinds import spec_from_json
from models.objective import Batch
from models.recipes import CLASSIFIERS
from models.specs.base import Adam, spec_to_json

TITLES = ("a-sun", "moon-cat", "tin-toon")
VGG = TitleVgg16(titles=TITLES, width=8)
RESNET = TitleResNet50(titles=TITLES, width=8)
BOTH = pytest.mark.parametrize("spec", [VGG, RESNET], ids=["vgg16", "resnet50"])


def built(spec: TitleClassifier) -> TitleNetwork:
    torch.manual_seed(0)
    network = build_network(spec)
    assert isinstance(network, TitleNetwork)
    return network.eval()


def labelled(pictures: int = 6, side: int = 32) -> Batch:
    """Titles differ by their lightness, and each picture by its noise."""
    generator = torch.Generator().manual_seed(1)
    label = torch.arange(pictures) % 3
    noise = torch.rand(pictures, 1, side, side, generator=generator)
    return Batch(condition=(label[:, None, None, None] - 1) * 0.6 + 0.3 * noise, target=noise, label=label)


@pytest.mark.parametrize(
    ("kind", "in_channels", "parameters"),
    [
        (TitleVgg16, 3, 138_357_544),  # Simonyan and Zisserman, table 2: 138 million
        (TitleVgg16, 1, 138_357_544 - 2 * 64 * 9),
        (TitleResNet50, 3, 25_557_032),
        (TitleResNet50, 1, 25_557_032 - 2 * 64 * 49),
    ],
)
def test_with_1000_classes_they_have_the_published_numbers_of_parameters(
    kind: type[TitleClassifier], in_channels: int, parameters: int
):
    with torch.device("meta"):
        network = build_network(kind(in_channels=in_channels, titles=tuple(f"title-{n}" for n in range(1000))))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("kind", [TitleVgg16, TitleResNet50])
def test_weights_start_as_he_et_al_have_them(kind: type[TitleClassifier]):
    network = built(kind(titles=TITLES, width=16))
    checked = 0
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 50_000:
            fan = layer.out_channels * layer.kernel_size[0] ** 2 if isinstance(layer, nn.Conv2d) else layer.in_features
            assert layer.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.02)
            checked += 1
    assert checked > 5


@BOTH
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 90)])
def test_any_size_gives_a_logit_for_each_title(spec: TitleClassifier, size: tuple[int, int]):
    assert built(spec)(torch.randn(2, 1, *size)).shape == (2, 3)


def test_stages_have_the_papers_shapes():
    with torch.device("meta"):
        picture = torch.empty(1, 3, 256, 256)
        vgg = TitleVgg(TitleVgg16(in_channels=3, titles=TITLES)).stages(picture)
        resnet = TitleResNet(TitleResNet50(in_channels=3, titles=TITLES)).stages(picture)
    assert {name: tuple(maps.shape[1:]) for name, maps in vgg.items()} == {
        "relu1_2": (64, 256, 256),
        "relu2_2": (128, 128, 128),
        "relu3_3": (256, 64, 64),
        "relu4_3": (512, 32, 32),
        "relu5_3": (512, 16, 16),
    }
    assert {name: tuple(maps.shape[1:]) for name, maps in resnet.items()} == {
        "stem": (64, 128, 128),
        "stage1": (256, 64, 64),
        "stage2": (512, 32, 32),
        "stage3": (1024, 16, 16),
        "stage4": (2048, 8, 8),
    }


def test_vgg_is_its_stack_and_then_its_head():
    network = built(VGG)
    assert isinstance(network, TitleVgg)
    picture = torch.randn(2, 1, 64, 64)
    pooled = adaptive_avg_pool2d(network.stack(picture), 7).flatten(1)
    by_layers = nn.Sequential(*list(network.head)[3:])(pooled)
    assert torch.allclose(network(picture), by_layers, atol=1e-6)


def test_a_bottleneck_adds_its_input():
    block = built(RESNET).get_submodule("groups.0.1")
    nn.init.zeros_(block.get_parameter("expand_norm.weight"))  # what is added is 0, so the input goes through
    x = torch.rand(1, 32, 5, 5)
    assert torch.allclose(block(x), x)


@BOTH
def test_loss_and_accuracy_are_those_of_numpy(spec: TitleClassifier):
    torch.manual_seed(0)
    objective = build_objective(TellTitle(spec))
    objective.networks["classifier"].eval()
    batch = labelled()
    assert batch.label is not None
    logits = objective.output(batch).detach().double().numpy()
    label = batch.label.numpy()
    log_share = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    by_hand = -log_share[np.arange(len(label)), label].mean()
    right = (logits.argmax(axis=1) == label).mean()
    (optimizer_step,) = objective.optimizer_steps(batch, 0.0)
    assert optimizer_step.loss.item() == pytest.approx(by_hand, rel=1e-5)
    assert optimizer_step.health["accuracy"].item() == pytest.approx(right)
    distances = objective.distances(torch.from_numpy(logits), batch)
    assert list(distances) == ["cross_entropy", "accuracy"]  # the first decides which step is the best
    assert distances["cross_entropy"].item() == pytest.approx(by_hand, rel=1e-5)
    assert distances["accuracy"].item() == pytest.approx(right)


@BOTH
def test_every_parameter_gets_a_gradient(spec: TitleClassifier):
    torch.manual_seed(0)
    objective = build_objective(TellTitle(spec))
    network = objective.networks["classifier"].train()
    for optimizer_step in objective.optimizer_steps(labelled(), 0.0):
        optimizer_step.loss.backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert without == []


@BOTH
def test_thirty_steps_learn_one_batch(spec: TitleClassifier):
    torch.manual_seed(0)
    objective = build_objective(TellTitle(spec, optimizer=Adam(learning_rate=1e-3, beta1=0.9)))
    objective.networks["classifier"].train()
    (optimizer,) = objective.optimizers().values()
    batch = labelled()
    losses = []
    for _ in range(30):
        for optimizer_step in objective.optimizer_steps(batch, 0.0):
            optimizer.zero_grad()
            optimizer_step.loss.backward()
            optimizer.step()
            losses.append(optimizer_step.loss.item())
    assert losses[-1] < 0.5 * losses[0]


def kill(network: TitleVgg, layer: int, channel: int, *, constant: float) -> None:
    """The channel of a convolution is a constant from now on, whatever the picture shows."""
    convolution = network.stack.features[layer]
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    with torch.no_grad():
        convolution.weight[channel] = 0
        convolution.bias[channel] = constant


def test_channels_that_never_fire_or_never_change_are_dead():
    network = built(VGG)
    assert isinstance(network, TitleVgg)
    pictures = [torch.randn(3, 1, 32, 32), torch.randn(1, 1, 32, 32)]
    before = dead_channels(network, pictures, min_share=0.0)
    assert not before["relu1_2"][:2].any()
    kill(network, 2, 0, constant=-1.0)
    kill(network, 2, 1, constant=5.0)
    dead = dead_channels(network, pictures)
    assert dead["relu1_2"][0]
    assert dead["relu1_2"][1]
    assert list(dead) == ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    assert [len(stage) for stage in dead.values()] == [8, 16, 32, 64, 64]
    assert torch.equal(dead["relu1_2"][2:], before["relu1_2"][2:])


@BOTH
def test_deviations_are_over_all_pictures_however_they_come(spec: TitleClassifier):
    network = built(spec)
    generator = torch.Generator().manual_seed(2)
    pictures = torch.randn(7, 1, 32, 32, generator=generator) * torch.arange(1, 8)[:, None, None, None]
    uneven = [pictures[:1], pictures[1:5], pictures[5:]]
    dead = dead_channels(network, uneven, min_share=0.5)  # so much that channels of real networks fall on both sides
    with torch.no_grad():
        maps: dict[str, Tensor] = network.stages(pictures)
    found = 0
    for stage, is_dead in dead.items():
        values = maps[stage].double().numpy().swapaxes(0, 1).reshape(maps[stage].shape[1], -1)
        deviation = values.std(axis=1)
        by_hand = (deviation < 0.5 * deviation.max()) | (values.max(axis=1) <= 0)
        assert (is_dead.numpy() == by_hand).all()
        found += by_hand.sum()
        assert not by_hand.all()
    assert found


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"TitleVgg16: no titles; fit it"):
        build_network(TitleVgg16(width=8))
    with pytest.raises(ValueError, match="no pictures"):
        dead_channels(built(VGG), [])
    unlabelled = Batch(condition=torch.zeros(1, 1, 32, 32), target=torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match="without labels"):
        next(iter(build_objective(TellTitle(VGG)).optimizer_steps(unlabelled, 0.0)))


def test_recipes_are_two_networks_on_gray_and_on_colour():
    assert list(CLASSIFIERS) == ["vgg16_gray", "vgg16_color", "resnet50_gray", "resnet50_color"]
    for name, recipe in CLASSIFIERS.items():
        assert isinstance(recipe.objective, TellTitle)
        is_gray = name.endswith("gray")
        assert recipe.objective.classifier.in_channels == (1 if is_gray else 3)
        assert (recipe.variant, recipe.color_space) == (("gray", "lab") if is_gray else ("color", "rgb"))
        assert recipe.with_label
        assert recipe.task == "tell_title"
        assert spec_from_json(spec_to_json(recipe)) == recipe
        small = recipe.resized(resolution=32, width=8).objective.fitted(TITLES)
        assert small.network.titles == TITLES  # pyright: ignore[reportAttributeAccessIssue]
        assert built(small.network)(torch.randn(2, recipe.objective.classifier.in_channels, 32, 32)).shape == (2, 3)  # pyright: ignore[reportArgumentType]
