"""Paper 004 and SGRU: the layers of its code, its norms and gates by hand, each loss by NumPy, hints, nine pictures."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.build import build_network, build_objective
from models.features import Extractor
from models.hints import sample_hint
from models.kinds import spec_from_json
from models.objective import Batch, Objective
from models.recipes import RECIPES
from models.sketch.network import Discriminator, NormalizedConv, SgruNetwork, Swish, perceptual_losses
from models.sketch.spec import Perceptual, Sgru, SgruDiverse, SketchDiscriminator, SketchGan, SketchSupervised
from models.specs.base import Adam, spec_to_json
from models.specs.hints import ThresholdMask

HINTED = Sgru(width=8, hint_channels=4)
NINE = Sgru(width=8, pictures=9)
QUICK = Adam(learning_rate=2e-3)
GAN = SketchGan(HINTED, discriminator=SketchDiscriminator(width=8), generator_optimizer=QUICK)
DIVERSE = SgruDiverse(NINE, generator_optimizer=QUICK)


def extractor() -> Extractor:
    torch.manual_seed(5)
    return Extractor("vgg19", width=8)


def batch_of(pictures: int = 2, side: int = 32, *, with_hint: bool = True) -> Batch:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(pictures, 3, 4, 4, generator=generator) * 1.6 - 0.8
    target = target.repeat_interleave(side // 4, 2).repeat_interleave(side // 4, 3)
    lines = (torch.rand(pictures, 1, side, side, generator=generator) > 0.2).float() * 2 - 1
    torch.manual_seed(4)
    return Batch(lines, target, sample_hint(ThresholdMask(threshold=0.8), target) if with_hint else None)


def objective_of(spec: SketchSupervised | SgruDiverse) -> Objective:
    needs = {"features": extractor()}
    torch.manual_seed(0)
    return build_objective(spec, needs)


def sgru(spec: Sgru) -> SgruNetwork:
    torch.manual_seed(0)
    network = build_network(spec)
    assert isinstance(network, SgruNetwork)
    return network.eval()


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def sgru_parameters_by_hand(*, hint_channels: int, out_channels: int) -> int:
    """From the layers of SGRU's code: convolutions without bias, each with a gain and an offset per channel."""

    def conv(kernel: int, before: int, after: int) -> int:
        return kernel**2 * before * after + 2 * after

    total = conv(3, 1, 96) + conv(3, 96, 96) + conv(3, 1, 1)  # the first block has no 1x1 layer and gates one channel
    takes = 96 + 1
    for width in (192, 288, 384, 480):
        total += conv(1, takes + (hint_channels if width == 288 else 0), width)
        total += 2 * conv(3, width, width) + conv(3, width, width)  # the last one is the gate
        takes = 2 * width
    for width, skip in ((512, 480), (480, 384), (384, 288), (288, 192), (192, 96)):
        total += conv(1, takes, width) + 2 * conv(3, width, width)
        total += 2 * conv(2, width, width) + conv(3, width, width) + conv(3, skip, skip)  # doubled twice; two gates
        takes = 2 * width + skip
    return total + conv(1, takes, 96) + 2 * conv(3, 96, 96) + 96 * out_channels + out_channels


@pytest.mark.parametrize(
    ("spec", "parameters"), [(Sgru(pictures=9), 47_827_558), (Sgru(hint_channels=4), 47_826_382), (Sgru(), 47_825_230)]
)
def test_sgru_has_the_layers_of_its_code(spec: Sgru, parameters: int):
    with torch.device("meta"):
        network = build_network(spec)
    by_hand = sgru_parameters_by_hand(hint_channels=spec.hint_channels, out_channels=3 * spec.pictures)
    assert parameters_of(network) == by_hand == parameters


def test_discriminator_is_dcgans_with_six_layers():
    with torch.device("meta"):
        network = build_network(SketchDiscriminator())
    widths = [3, 64, 128, 256, 512, 512, 512]
    convolutions = sum(16 * before * after for before, after in pairwise(widths))
    assert parameters_of(network) == convolutions + 2 * sum(widths[2:]) + 512 + 1


def test_levels_at_the_papers_size():
    with torch.device("meta"):
        network = SgruNetwork(Sgru(hint_channels=4))
        sizes = []
        for block in [*network.downs, *network.ups]:
            block.register_forward_hook(
                lambda _, __, gives: sizes.append(tuple((gives[0] if isinstance(gives, tuple) else gives).shape[1:]))
            )
        picture = network(torch.empty(1, 1, 256, 256), torch.empty(1, 4, 64, 64))
        enter = network.get_submodule("downs.2.enter")
    assert sizes == [
        *[(97, 128, 128), (384, 64, 64), (576, 32, 32), (768, 16, 16), (960, 8, 8)],
        *[(1504, 16, 16), (1344, 32, 32), (1056, 64, 64), (768, 128, 128), (480, 256, 256)],
    ]
    assert isinstance(enter, nn.Conv2d)
    assert enter.in_channels == 384 + 4  # the hints, at the third level
    assert picture.shape == (1, 3, 256, 256)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 90), (5, 1)])
def test_any_size_works(size: tuple[int, int]):
    hint_size = (-(-size[0] // 4), -(-size[1] // 4))
    output = sgru(HINTED)(torch.randn(2, 1, *size), torch.zeros(2, 4, *hint_size))
    assert output.shape == (2, 3, *size)
    assert output.abs().max() <= 1
    assert sgru(NINE)(torch.randn(2, 1, *size)).shape == (2, 3, *size)
    assert sgru(NINE).all_pictures(torch.randn(2, 1, *size)).shape == (2, 9, 3, *size)
    discriminator = build_network(SketchDiscriminator(width=8))
    assert discriminator(torch.randn(2, 3, *size)).shape == (2,)


def test_layer_norm_is_over_all_channels_and_places_of_a_picture():
    torch.manual_seed(0)
    layer = NormalizedConv(2, 6, kernel_px=3)
    assert layer.bias is None
    gain, offset = torch.randn(6), torch.randn(6)
    layer.norm.load_state_dict({"weight": gain, "bias": offset})
    x = torch.randn(3, 2, 5, 7)
    convolved = torch.nn.functional.conv2d(x, layer.weight, padding=1).detach().double().numpy()
    axes = (1, 2, 3)
    normal = (convolved - convolved.mean(axes, keepdims=True)) / np.sqrt(convolved.var(axes, keepdims=True) + 1e-5)
    normal = normal * gain.numpy()[:, None, None] + offset.numpy()[:, None, None]
    by_hand = np.where(normal > 0, normal, 0.2 * normal)
    assert np.allclose(layer(x).detach().numpy(), by_hand, atol=1e-5)


def test_swish_layer_gates_its_input():
    torch.manual_seed(0)
    layer = Swish(4)
    x = torch.randn(2, 4, 6, 5)
    convolved = layer.conv(x).detach().double().numpy()
    axes = (1, 2, 3)
    normal = (convolved - convolved.mean(axes, keepdims=True)) / np.sqrt(convolved.var(axes, keepdims=True) + 1e-5)
    assert np.allclose(layer(x).detach().numpy(), x.numpy() / (1 + np.exp(-normal)), atol=1e-5)


def test_residual_blocks_concatenate_and_do_not_add():
    block = sgru(HINTED).downs[0]
    x = torch.rand(1, 1, 8, 8)
    given, inner = block(x)
    pooled = x.unflatten(2, (4, 2)).unflatten(4, (4, 2)).amax((3, 5))
    assert torch.equal(given[:, :8], inner.unflatten(2, (4, 2)).unflatten(4, (4, 2)).amax((3, 5)))  # F(x)
    assert torch.equal(given[:, 8:], block.get_submodule("gate")(pooled))  # x


def test_blocks_of_the_decoder_concatenate_what_grew_and_the_gated_skip():
    block = sgru(HINTED).ups[1]
    x, skip = torch.randn(1, block.get_parameter("enter.weight").shape[1], 3, 4), torch.randn(1, 32, 5, 8)
    entered = block.get_submodule("enter")(x)
    inner = block.get_submodule("second")(block.get_submodule("first")(entered))
    by_hand = [
        block.get_submodule("grow")(inner, skip.shape[-2:]),  # F(x)
        block.get_submodule("gate")(block.get_submodule("grow_input")(entered, skip.shape[-2:])),  # x
        block.get_submodule("gate_skip")(skip),
    ]
    assert torch.equal(block(x, skip), torch.cat(by_hand, 1))


def test_weights_start_as_in_sgrus_code():
    weight = sgru(Sgru(width=24)).get_parameter("downs.3.first.weight")  # 96 to 96 channels
    limit = (6 / (9 * 96 + 9 * 96)) ** 0.5
    assert weight.abs().max().item() == pytest.approx(limit, rel=1e-3)
    assert weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.02)


def test_a_hint_colors_and_a_larger_map_of_it_says_the_same():
    network = sgru(HINTED)
    sketch = torch.ones(1, 1, 32, 32)
    hint = torch.zeros(1, 4, 8, 8)
    nothing = network(sketch, hint)
    hint[0, :, 2, 5] = torch.tensor([0.5, -0.5, 0.25, 1.0])
    colored = network(sketch, hint)
    assert (colored - nothing).abs().max() > 1e-3
    as_painted = torch.zeros(1, 4, 32, 32)  # a person's single point on a map of the picture's size
    as_painted[0, :, 9, 22] = hint[0, :, 2, 5]
    assert torch.allclose(network(sketch, as_painted), colored, atol=1e-5)
    assert torch.allclose(network(sketch, as_painted[..., ::2, :].repeat_interleave(2, 2) * 0), nothing)


def test_hints_where_there_should_be_none_and_the_reverse():
    with pytest.raises(ValueError, match="expected a hint of 4 channels, got none"):
        sgru(HINTED)(torch.zeros(1, 1, 16, 16))
    with pytest.raises(ValueError, match="expected a hint of 0 channels, got one of 4"):
        sgru(NINE)(torch.zeros(1, 1, 16, 16), torch.zeros(1, 4, 4, 4))
    with pytest.raises(ValueError, match="shown is 9"):
        Sgru(pictures=9, shown=9)


def by_numpy(spec: Perceptual, picture: Tensor, truth: Tensor, sketch: Tensor) -> float:
    """Equation 2 for one picture (1, 3, 32, 32)."""
    features = extractor()
    total = 0.0
    own, true = ([colors / 0.452, *features(colors, spec.layers)] for colors in (picture, truth))
    maps = zip(own, true, strict=True)
    for weight, (own, true) in zip([0.88, 0.79, 0.63, 0.51, 0.39, 1.07], maps, strict=True):
        distance = np.abs(own.double().numpy() - true.double().numpy())[0]  # (C, h, w)
        if spec.masked:
            cell = 32 // distance.shape[1]
            paper = (sketch[0, 0].double().numpy() + 1) / 2
            distance = distance * paper.reshape(32 // cell, cell, 32 // cell, cell).mean(axis=(1, 3))
        total += weight * distance.mean()
    return total


@pytest.mark.parametrize("masked", [True, False])
def test_perceptual_loss_is_equation_2(masked: bool):
    spec = Perceptual(masked=masked)
    batch = batch_of()
    generator = torch.Generator().manual_seed(9)
    pictures = torch.rand(2, 3, 3, 32, 32, generator=generator) * 2 - 1
    losses = perceptual_losses(spec, extractor(), pictures, batch.target, batch.condition)
    assert losses.shape == (2, 3)
    for picture in range(2):
        one = slice(picture, picture + 1)
        for version in range(3):
            by_hand = by_numpy(spec, pictures[one, version], batch.target[one], batch.condition[one])
            assert losses[picture, version].item() == pytest.approx(by_hand, rel=1e-4)


def test_nothing_is_asked_for_where_lines_are():
    truth = torch.zeros(1, 3, 32, 32)
    picture = truth.clone()
    picture[..., :16] = 1.0
    lines = torch.ones(1, 1, 32, 32)
    lines[..., :16] = -1.0
    only_pictures = Perceptual(layers=(), weights=())
    assert perceptual_losses(only_pictures, extractor(), picture[:, None], truth, lines).item() == 0
    assert perceptual_losses(only_pictures, extractor(), picture[:, None], truth, -lines).item() == pytest.approx(
        0.44 / 0.452
    )


def test_pictures_and_maps_are_weighed_in_one_unit():
    # SGRU's code has both in 0 to 255: a picture that is off by one unit of VGG's input counts 0.88.
    off = torch.full((1, 1, 3, 8, 8), 57.63 / 127.5)
    only_pictures = Perceptual(layers=(), weights=())
    loss = perceptual_losses(only_pictures, extractor(), off, torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8))
    assert loss.item() == pytest.approx(0.88)
    features = extractor()
    assert features.deviation.mean().item() * 255 == pytest.approx(57.63, rel=1e-3)


@pytest.mark.parametrize("delta", [1.0, 0.3])
def test_losses_are_equations_1_3_and_4(delta: float):
    spec = replace(GAN, perceptual_weight=0.7, huber_weight=3.0, adversarial_weight=0.2, huber_delta=delta)
    objective = objective_of(spec)
    batch = batch_of()
    discriminator = objective.networks["discriminator"]
    with torch.no_grad():
        fake = objective.networks["generator"](batch.condition, batch.hint)
        real_p = torch.sigmoid(discriminator(batch.target)).double().numpy()
        fake_p = torch.sigmoid(discriminator(fake)).double().numpy()
    content = np.mean(
        [
            by_numpy(spec.perceptual, fake[i : i + 1], batch.target[i : i + 1], batch.condition[i : i + 1])
            for i in range(2)
        ]
    )
    off = np.abs(fake.double().numpy() - batch.target.double().numpy())
    assert (off > 0.3).any()
    huber = np.where(off < delta, off**2 / 2, delta * (off - delta / 2)).mean()
    optimizer_steps = list(
        objective.optimizer_steps(batch, 0.0)
    )  # no optimizer steps between, so both losses come from one discriminator
    assert [optimizer_step.optimizer for optimizer_step in optimizer_steps] == ["discriminator", "generator"]
    assert optimizer_steps[0].loss.item() == pytest.approx(-np.log(real_p).mean() - np.log(1 - fake_p).mean(), rel=1e-4)
    by_hand = 0.7 * content + 3 * huber - 0.2 * np.log(fake_p).mean()
    assert optimizer_steps[1].loss.item() == pytest.approx(by_hand, rel=1e-4)
    assert optimizer_steps[0].health["accuracy_discriminator/real"].item() == pytest.approx((real_p > 0.5).mean())
    distances = objective.distances(fake, batch)
    assert list(distances) == ["content_vgg19", "huber"]
    assert distances["content_vgg19"].item() == pytest.approx(content, rel=1e-4)
    assert distances["huber"].item() == pytest.approx(huber, rel=1e-4)

    supervised = objective_of(SketchSupervised(HINTED, perceptual_weight=0.7, huber_weight=3.0, huber_delta=delta))
    assert list(supervised.networks) == ["generator"]
    (optimizer_step,) = supervised.optimizer_steps(batch, 0.0)
    assert optimizer_step.loss.item() == pytest.approx(0.7 * content + 3 * huber, rel=1e-4)


def test_the_best_of_nine_counts_for_each_picture():
    objective = objective_of(DIVERSE)
    batch = batch_of(3, with_hint=False)
    generator = objective.networks["generator"]
    assert isinstance(generator, SgruNetwork)
    with torch.no_grad():
        nine = generator.all_pictures(batch.condition)
    losses = np.array(
        [
            [
                by_numpy(Perceptual(), nine[i : i + 1, n], batch.target[i : i + 1], batch.condition[i : i + 1])
                for n in range(9)
            ]
            for i in range(3)
        ]
    )
    best = losses.min(axis=1).mean()
    assert best > losses.min()
    (optimizer_step,) = objective.optimizer_steps(batch, 0.0)
    assert optimizer_step.loss.item() == pytest.approx(0.999 * best + 0.001 * losses.mean(), rel=1e-4)
    assert optimizer_step.parts["content_vgg19/best"].item() == pytest.approx(best, rel=1e-4)
    shares = np.bincount(losses.argmin(axis=1), minlength=9) / 3
    assert np.allclose(generator.best_share.numpy(), shares * 1e-3)
    output = objective.output(batch)
    assert torch.allclose(output, nine[:, shares.argmax()], atol=1e-6)
    by_hand = losses[:, shares.argmax()].mean()
    assert objective.distances(output, batch)["content_vgg19"].item() == pytest.approx(by_hand, rel=1e-4)


def test_the_one_of_nine_that_was_lately_the_best_is_shown():
    sketch = torch.randn(4, 1, 32, 32)
    network = sgru(NINE)
    nine = network.all_pictures(sketch).detach()
    for _ in range(10):
        network.note_best(torch.tensor([7, 2, 2]))
    assert torch.equal(network(sketch), nine[:, 2])
    assert network.best_share.tolist() == pytest.approx(
        [0, 0, 2 / 3 * (1 - 0.999**10)] + [0] * 4 + [(1 - 0.999**10) / 3, 0]
    )
    for _ in range(10):
        network.note_best(torch.tensor([7]))
    assert torch.equal(network(sketch), nine[:, 7])
    assert torch.equal(sgru(replace(NINE, shown=8))(sketch), nine[:, 8])


@pytest.mark.parametrize("spec", [GAN, DIVERSE], ids=["gan", "diverse"])
def test_each_step_moves_its_own_network_and_all_of_it(spec: SketchGan | SgruDiverse):
    objective = objective_of(spec)
    for optimizer_step in objective.optimizer_steps(batch_of(with_hint=spec is GAN), 0.0):
        for network in objective.networks.values():
            network.zero_grad()
        optimizer_step.loss.backward()
        for name, network in objective.networks.items():
            moved = [p.grad is not None and bool(p.grad.abs().max() > 0) for p in network.parameters()]
            assert all(moved) if name == optimizer_step.optimizer else not any(moved)
    assert all(p.grad is None for network in objective.frozen.values() for p in network.parameters())


def test_the_discriminator_sees_a_picture_alone():
    discriminator = build_network(SketchDiscriminator(width=8))
    assert isinstance(discriminator, Discriminator)
    pictures = torch.randn(3, 3, 32, 32)
    alone = torch.cat([discriminator(picture[None]) for picture in pictures])
    assert torch.allclose(discriminator(pictures), alone, atol=1e-5)  # no norm reaches over the batch


def test_recipes_are_the_papers():
    for name in ("sketch_hint", "sketch_no_discriminator", "sketch_sgru_diverse"):
        recipe = RECIPES[name]
        assert (recipe.paper, recipe.variant, recipe.color_space, recipe.extractor) == ("004", "line", "rgb", "vgg19")
        assert (recipe.resolution, recipe.batch, recipe.steps) == (256, 1, 251 * 2_500)
        assert recipe.hint_side(256) == (None if name == "sketch_sgru_diverse" else 64)
        assert spec_from_json(spec_to_json(recipe)) == recipe
    hinted = RECIPES["sketch_hint"].objective
    assert isinstance(hinted, SketchGan)
    assert hinted.generator_optimizer == Adam(learning_rate=1e-4, beta1=0.9, beta2=0.99)
    diverse = RECIPES["sketch_sgru_diverse"].resized(resolution=32, width=16).objective
    assert isinstance(diverse, SgruDiverse)
    assert diverse.generator == Sgru(width=16, pictures=9)
    assert diverse.generator_optimizer == Adam(learning_rate=1e-4, beta1=0.9, beta2=0.999)
    assert (diverse.best_weight, diverse.mean_weight) == (0.999, 0.001)
