"""Paper 003: line detector, draft stage, colorization stage, and pix2pix with hints."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.blocks import ResNeXt
from models.build import build_network, build_objective
from models.features import Extractor
from models.hinted_pix2pix.spec import HintedPix2pix
from models.kinds import spec_from_json
from models.objective import Batch, set_learning_rates
from models.specs.artifacts import Artifacts
from models.specs.base import Adam, spec_to_json
from models.two_stage.network import Draft, LineDetectionModel, TwoStage, reduced
from models.two_stage.spec import (
    Colorization,
    DraftGenerator,
    Drafting,
    LineDetection,
    LineDetector,
    TwoStageDiscriminator,
    TwoStageGenerator,
    TwoStageUNet,
)
from tests.models.learning import batch_of, minimize

QUICK = Adam(learning_rate=4e-3, beta1=0.5, beta2=0.9)
SMALL = {"width": 8, "resolution": 64}
NO_ARTIFACTS = Artifacts(spray=0.0, smear=0.0, distortion=0.0)


def hinted_batch(pictures: int = 2, size: tuple[int, int] = (64, 64)) -> Batch:
    """Flat colours in dark outlines, and some of their colours as hints at a quarter of the size."""
    generator = torch.Generator().manual_seed(5)
    height, width = size
    blocks = torch.rand(pictures, 3, 4, 4, generator=generator) * 2 - 1
    color = interpolate(blocks, size=size)
    lines = torch.ones(pictures, 1, height, width)
    lines[..., :: max(height // 4, 1), :] = -1
    lines[..., :, :: max(width // 4, 1)] = -1
    small = reduced(color, 4)
    mask = (torch.rand(small[:, :1].shape, generator=generator) < 0.1).float()
    return Batch(condition=lines, target=color, hint=torch.cat([small * mask, mask], 1))


def needs() -> dict[str, nn.Module]:
    torch.manual_seed(7)
    return {
        "features": Extractor("vgg16", width=4),
        "line_detector": build_network(LineDetector(width=8)).eval().requires_grad_(False),
        "draft": build_network(DraftGenerator().sized(**SMALL)).eval(),
    }


def gradients_of(objective, batch: Batch, optimizer: str) -> dict[str, Tensor]:
    """The gradients that one optimizer's step gives its network."""
    for optimizer_step in objective.optimizer_steps(batch, 0.0):
        if optimizer_step.optimizer == optimizer:
            objective.networks[optimizer].zero_grad()
            optimizer_step.loss.backward()
    return {name: p.grad.clone() for name, p in objective.networks[optimizer].named_parameters() if p.grad is not None}


# The networks


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        (LineDetector(), 13_063_936),
        (TwoStageUNet(in_channels=5), 22_191_264),
        (TwoStageUNet(in_channels=4, levels=3), 5_491_584),
        (TwoStageUNet(in_channels=4), 22_190_976),
        (TwoStageDiscriminator(), 899_584),
        (TwoStageDiscriminator(cardinality=4), 1_033_984),
    ],
    ids=["line_detector", "draft", "colorization", "colorization_as_released", "discriminator", "with_resnext"],
)
def test_parameter_counts_are_those_of_the_figures(spec, parameters):
    with torch.device("meta"):
        network = build_network(spec)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_shapes_at_the_papers_resolution():
    with torch.device("meta"):
        lines, hint = torch.empty(1, 1, 512, 512), torch.empty(1, 4, 128, 128)
        network = build_network(TwoStageGenerator())
        inner = []
        for unet in (network.draft.unet, network.colorization):
            unet.encoder[-1].register_forward_hook(lambda _, __, output: inner.append(tuple(output.shape)))
        assert network(lines, hint).shape == (1, 3, 512, 512)
        assert inner == [(1, 512, 8, 8), (1, 256, 64, 64)]
        assert network.draft.small(lines, hint).shape == (1, 3, 128, 128)
        assert build_network(LineDetector())(torch.empty(1, 3, 128, 128)).shape == (1, 1, 128, 128)
        assert build_network(TwoStageDiscriminator())(torch.empty(2, 3, 128, 128)).shape == (2,)


@pytest.mark.parametrize("size", [(64, 64), (33, 47), (5, 90), (1, 1)])
@pytest.mark.parametrize(
    "spec", [TwoStageGenerator(), DraftGenerator(), HintedPix2pix().generator], ids=["two_stage", "draft", "pix2pix"]
)
def test_generators_keep_any_size(spec, size):
    network = build_network(spec.sized(**SMALL)).eval()
    height, width = size
    output = network(torch.randn(2, 1, *size), torch.randn(2, 4, -(-height // 4), -(-width // 4)))
    assert output.shape == (2, 3, *size)
    assert output.abs().max() <= 1


@pytest.mark.parametrize("size", [(64, 64), (33, 47), (1, 1)])
def test_line_detector_keeps_any_size(size):
    lines = build_network(LineDetector(width=8))(torch.randn(2, 3, *size))
    assert lines.shape == (2, 1, *size)
    assert lines.abs().max() <= 1


def test_a_hint_of_another_size_is_fitted_by_nearest_neighbours():
    torch.manual_seed(0)
    draft = build_network(DraftGenerator().sized(**SMALL)).eval()
    lines, hint = torch.randn(1, 1, 64, 64), torch.randn(1, 4, 8, 8)
    assert torch.equal(draft(lines, hint), draft(lines, hint.repeat_interleave(2, 2).repeat_interleave(2, 3)))


def test_the_drafts_picture_is_its_small_one_in_blocks_of_four():
    torch.manual_seed(0)
    draft = build_network(DraftGenerator().sized(**SMALL)).eval()
    lines, hint = torch.randn(1, 1, 64, 64), torch.randn(1, 4, 16, 16)
    small = draft.small(lines, hint)
    assert torch.equal(draft(lines, hint), small.repeat_interleave(4, 2).repeat_interleave(4, 3))


def test_a_hint_changes_colours_near_it_most():
    torch.manual_seed(0)
    draft = build_network(DraftGenerator().sized(**SMALL)).eval()
    lines, none = torch.ones(1, 1, 256, 256), torch.zeros(1, 4, 64, 64)
    hint = none.clone()
    hint[..., 32, 32] = 1
    change = (draft.small(lines, hint) - draft.small(lines, none)).abs().sum(1)[0]
    assert change[30:35, 30:35].max() == change.max() > 0


def test_skips_join_what_the_figure_joins():
    torch.manual_seed(0)
    unet = build_network(TwoStageUNet(in_channels=5, width=8, levels=2, blocks=1)).eval()
    given: dict[nn.Module, Tensor] = {}
    gave: dict[nn.Module, Tensor] = {}
    layers = [unet.first, *unet.halves, *unet.encoder, *unet.decoder, unet.smooth, unet.last]
    for layer in layers:
        layer.register_forward_hook(
            lambda layer, inputs, output: (given.update({layer: inputs[0]}), gave.update({layer: output}), None)[-1]
        )
    picture = torch.randn(1, 5, 32, 32)
    output = unet(picture)

    def leaky(layer: nn.Module) -> Tensor:
        return torch.where(gave[layer] > 0, gave[layer], 0.2 * gave[layer])

    assert torch.equal(given[unet.first], picture)
    for halve, before, convolve in zip(unet.halves, (unet.first, unet.encoder[0]), unet.encoder, strict=True):
        assert torch.equal(given[halve], leaky(before))
        assert torch.equal(given[convolve], leaky(halve))
    assert torch.equal(given[unet.decoder[0]], torch.cat([leaky(unet.halves[1]), leaky(unet.encoder[1])], 1))
    assert torch.equal(given[unet.decoder[1]], torch.cat([leaky(unet.encoder[0]), gave[unet.decoder[0]]], 1))
    assert torch.equal(given[unet.smooth], gave[unet.decoder[1]])
    assert torch.equal(given[unet.last], torch.cat([leaky(unet.first), leaky(unet.smooth)], 1))
    assert torch.equal(output, torch.tanh(gave[unet.last]))


def test_a_level_of_the_way_up_is_its_formula():
    torch.manual_seed(0)
    up = build_network(TwoStageUNet(in_channels=5, width=8, levels=1, blocks=2)).decoder[0]
    x = torch.randn(1, 32, 3, 3)

    def leaky(values: Tensor) -> Tensor:
        return torch.where(values > 0, values, 0.2 * values)

    inner = leaky(up.reduce(x))
    for block in up.blocks:
        inner = block(inner)
    wide = up.widen(inner)[0]  # (32, 3, 3); channel c of the output is 4c .. 4c + 3, laid out in 2 x 2
    by_hand = wide.reshape(8, 2, 2, 3, 3).permute(0, 3, 1, 4, 2).reshape(8, 6, 6)
    assert torch.allclose(up(x, torch.Size((6, 5)))[0], leaky(by_hand)[..., :5])


def test_reduced_is_the_mean_over_areas():
    picture = torch.randn(2, 3, 8, 12)
    by_hand = picture.numpy().reshape(2, 3, 2, 4, 3, 4).mean((3, 5))
    np.testing.assert_allclose(reduced(picture, 4).numpy(), by_hand, atol=1e-6)
    assert reduced(torch.randn(1, 1, 33, 47), 4).shape == (1, 1, 9, 12)


@pytest.mark.parametrize(("stride", "side"), [(1, 16), (2, 8)])
def test_resnext_is_its_formula(stride: int, side: int):
    torch.manual_seed(0)
    block = ResNeXt(8, 8, cardinality=2, stride=stride)
    x = torch.randn(1, 8, 16, 16)
    output = block(x)
    assert output.shape == (1, 8, side, side)

    def leaky(values: np.ndarray) -> np.ndarray:
        return np.where(values > 0, values, 0.2 * values)

    weights = [layer.weight.detach().numpy() for layer in (block.reduce, block.grouped, block.expand)]
    inner = leaky(np.einsum("oi,ihw->ohw", weights[0][..., 0, 0], x[0].numpy()))
    padded, kernel = np.pad(inner, ((0, 0), (1, 1), (1, 1))), 2 + stride
    y, x_ = 3, 2  # one output pixel by hand
    window = padded[:, y * stride : y * stride + kernel, x_ * stride : x_ * stride + kernel]
    grouped = [(window[c // 2 * 2 : c // 2 * 2 + 2] * weights[1][c]).sum() for c in range(4)]
    shortcut = x[0, :, y * stride : (y + 1) * stride, x_ * stride : (x_ + 1) * stride].numpy().mean((1, 2))
    by_hand = shortcut + weights[2][..., 0, 0] @ leaky(np.array(grouped))
    np.testing.assert_allclose(output[0, :, y, x_].detach().numpy(), by_hand, atol=1e-5)


def test_resnext_in_a_narrow_network_has_fewer_groups_and_refuses_what_it_cannot():
    assert ResNeXt(8, 8, cardinality=32).grouped.groups == 4
    assert ResNeXt(64, 64, cardinality=32, dilation=4)(torch.randn(1, 64, 9, 9)).shape == (1, 64, 9, 9)
    assert ResNeXt(4, 8, cardinality=2, stride=2)(torch.randn(1, 4, 9, 9)).shape == (1, 8, 4, 4)
    with pytest.raises(ValueError, match="stride 2 with dilation 2"):
        ResNeXt(8, 8, cardinality=2, stride=2, dilation=2)


def test_the_draft_starts_without_saturation():
    torch.manual_seed(0)
    lines, hint = torch.rand(2, 1, 128, 128) * 2 - 1, torch.zeros(2, 4, 32, 32)
    spec = DraftGenerator(unet=TwoStageUNet(in_channels=5, width=16))
    with torch.no_grad():
        tame = build_network(spec).small(lines, hint)
        plain = build_network(replace(spec, unet=replace(spec.unet, residual_gain=1.0))).small(lines, hint)
    assert (tame.abs() > 0.99).float().mean() < 0.1
    assert (plain.abs() > 0.99).float().mean() > 0.9


def test_weights_start_as_kaimings():
    torch.manual_seed(0)
    unet = build_network(TwoStageUNet(in_channels=5, width=16, levels=3))
    weight = unet.encoder[-1].weight  # 128 channels, 3 x 3
    assert weight.std().item() == pytest.approx((2 / (1 + 0.2**2) / (128 * 9)) ** 0.5, rel=0.02)
    expand = torch.cat([block.expand.weight.flatten() for block in unet.decoder[0].blocks])
    assert expand.std().item() == pytest.approx(0.1 * (2 / (1 + 0.2**2) / 64) ** 0.5, rel=0.02)


# The objectives


def test_line_detection_is_the_l1_distance_of_equation_1():
    torch.manual_seed(0)
    objective = build_objective(LineDetection().sized(**SMALL))
    color, lines = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 1, 64, 64) * 2 - 1
    batch = Batch(condition=color, target=lines)
    with torch.no_grad():
        drawn = objective.networks["detector"](reduced(color, 4)).numpy()
    by_hand = np.abs(drawn - lines.numpy().reshape(2, 1, 16, 4, 16, 4).mean((3, 5))).mean()
    (optimizer_step,) = objective.optimizer_steps(batch, 0.0)
    assert optimizer_step.optimizer == "detector"
    assert optimizer_step.loss.item() == pytest.approx(by_hand, rel=1e-5)
    output = objective.output(batch)
    assert output.shape == lines.shape
    assert objective.distances(output, batch)["l1"].item() == pytest.approx(by_hand, rel=1e-5)


def test_draft_losses_are_those_of_equations_2_to_6():
    torch.manual_seed(0)
    given = needs()
    objective = build_objective(Drafting().sized(**SMALL), given)
    batch = hinted_batch()
    generator, discriminator = objective.networks["generator"], objective.networks["discriminator"]
    truth = reduced(batch.target, 4)
    with torch.no_grad():
        fake = generator.small(*batch.given)
        real_p = torch.sigmoid(discriminator(truth)).numpy()
        fake_p = torch.sigmoid(discriminator(fake)).numpy()
        lines = [given["line_detector"](picture).numpy() for picture in (fake, truth)]
        maps = [given["features"](picture, ("relu2_2",))[0].numpy() for picture in (fake, truth)]
    optimizer_steps = list(
        objective.optimizer_steps(batch, 0.0)
    )  # no optimizer steps between, so both losses come from one discriminator
    assert [optimizer_step.optimizer for optimizer_step in optimizer_steps] == ["discriminator", "generator"]
    assert optimizer_steps[0].loss.item() == pytest.approx(-np.log(real_p).mean() - np.log(1 - fake_p).mean(), rel=1e-4)
    parts = {
        "adversarial": -np.log(fake_p).mean(),
        "l1": np.abs(fake.numpy() - truth.numpy()).mean(),
        "content_vgg16": np.square(maps[0] - maps[1]).mean(),
        "line": np.abs(lines[0] - lines[1]).mean(),
    }
    assert set(optimizer_steps[1].parts) == set(parts)
    for name, value in parts.items():
        assert optimizer_steps[1].parts[name].item() == pytest.approx(value, rel=1e-4), name
    weights = {"adversarial": 0.05, "l1": 1.0, "content_vgg16": 0.1, "line": 1.0}
    total = sum(weights[name] * value for name, value in parts.items())
    assert optimizer_steps[1].loss.item() == pytest.approx(total, rel=1e-4)
    output = objective.output(batch)
    assert output.shape == batch.target.shape
    assert objective.distances(output, batch)["l1"].item() == pytest.approx(parts["l1"], rel=1e-4)


def test_as_released_the_generators_gradient_is_that_of_gan_and_l1_alone():
    batch = hinted_batch()

    def gradients(**changes) -> dict[str, Tensor]:
        torch.manual_seed(0)
        objective = build_objective(replace(Drafting(), **changes).sized(**SMALL), needs())
        return gradients_of(objective, batch, "generator")

    released = gradients(line_and_content_teach=False)
    without = gradients(line_weight=0.0, content_weight=0.0)
    papers = gradients()
    assert released.keys() == without.keys() == papers.keys()
    assert all(torch.equal(released[name], without[name]) for name in released)
    assert not any(torch.allclose(released[name], papers[name], rtol=1e-2, atol=0) for name in released)


def test_as_released_line_and_content_losses_are_still_reported():
    batch, given = hinted_batch(), needs()

    def last_step(**changes):
        torch.manual_seed(0)
        return list(build_objective(replace(Drafting(), **changes).sized(**SMALL), given).optimizer_steps(batch, 0.0))[
            -1
        ]

    papers, released = last_step(), last_step(line_and_content_teach=False)
    assert released.loss.item() == papers.loss.item()
    for name in ("line", "content_vgg16"):
        assert released.parts[name].item() == papers.parts[name].item() > 0
        assert papers.parts[name].requires_grad
        assert not released.parts[name].requires_grad


def test_each_term_of_the_draft_reaches_the_generator_and_nothing_that_is_fixed():
    batch, given = hinted_batch(), needs()
    given["line_detector"].requires_grad_(True)  # freezing it is the objective's task
    for name in ("adversarial", "l1", "content_vgg16", "line"):
        torch.manual_seed(0)
        objective = build_objective(Drafting().sized(**SMALL), given)
        optimizer_step = list(objective.optimizer_steps(batch, 0.0))[-1]
        optimizer_step.parts[name].backward()
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in objective.networks["generator"].parameters())
        assert all(p.grad is None for p in objective.networks["discriminator"].parameters())
        assert all(p.grad is None for network in objective.frozen.values() for p in network.parameters())


def test_a_draft_without_line_loss_needs_no_line_detector():
    objective = build_objective(Drafting(line_weight=0.0).sized(**SMALL), {"features": needs()["features"]})
    assert set(objective.frozen) == {"features"}
    with pytest.raises(KeyError, match="line_detector"):
        build_objective(Drafting().sized(**SMALL), {"features": needs()["features"]})


def colorization(spec: Colorization, given: dict[str, nn.Module]):
    joined = spec.sized(**SMALL).joined({"draft": given["draft"].spec})
    return build_objective(joined, given)


@pytest.mark.parametrize("learns_from", ["draft", "truth"])
def test_colorization_is_the_l1_distance_of_equation_7(learns_from):
    torch.manual_seed(0)
    given, batch = needs(), hinted_batch()
    objective = colorization(Colorization(artifacts=NO_ARTIFACTS, learns_from=learns_from), given)
    generator = objective.networks["generator"]
    with torch.no_grad():
        small = given["draft"].small(*batch.given) if learns_from == "draft" else reduced(batch.target, 4)
        large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
        output = generator.colorization(torch.cat([batch.condition, large], 1))
    (optimizer_step,) = objective.optimizer_steps(batch, 0.0)
    assert optimizer_step.loss.item() == pytest.approx(np.abs(output.numpy() - batch.target.numpy()).mean(), rel=1e-5)
    if learns_from == "draft":
        assert torch.allclose(objective.output(batch), output, atol=1e-6)


def test_artifacts_come_in_training_and_not_in_use():
    torch.manual_seed(0)
    batch = hinted_batch()
    objective = colorization(Colorization(artifacts=Artifacts(spray=1.0)), needs())
    losses = {next(iter(objective.optimizer_steps(batch, 0.0))).loss.item() for _ in range(3)}
    assert len(losses) == 3
    assert torch.equal(objective.output(batch), objective.output(batch))


def test_the_trained_draft_is_inside_and_never_learns():
    given = needs()
    objective = colorization(Colorization(generator_optimizer=QUICK), given)
    generator = objective.networks["generator"]
    trained = given["draft"].state_dict()
    minimize(objective, hinted_batch(), steps=2)
    assert all(torch.equal(tensor, trained[name]) for name, tensor in generator.draft.state_dict().items())
    assert not any(p.requires_grad for p in generator.draft.parameters())
    learning = {id(p) for group in objective.optimizers()["generator"].param_groups for p in group["params"]}
    assert learning == {id(p) for p in generator.colorization.parameters()}
    again = build_network(generator.spec)
    again.load_state_dict(generator.state_dict())
    batch = hinted_batch()
    assert torch.equal(again(*batch.given), generator(*batch.given))


def test_only_a_draft_stage_can_be_the_draft():
    with pytest.raises(ValueError, match="the draft is a LineDetector"):
        Colorization().joined({"draft": LineDetector()})
    draft = DraftGenerator(scale=2)
    assert Colorization().joined({"draft": draft}).generator.draft == draft


def test_pix2pix_losses_are_its_own_with_the_hint_as_condition():
    torch.manual_seed(0)
    objective = build_objective(HintedPix2pix().sized(**SMALL))
    batch = hinted_batch()
    generator, discriminator = (objective.networks[name].eval() for name in ("generator", "discriminator"))
    given = torch.cat([batch.condition, batch.hint.repeat_interleave(4, 2).repeat_interleave(4, 3)], 1)
    with torch.no_grad():
        fake = generator(*batch.given)
        assert torch.equal(fake, generator.unet(given))
        real_p = torch.sigmoid(discriminator(torch.cat([given, batch.target], 1))).numpy()
        fake_p = torch.sigmoid(discriminator(torch.cat([given, fake], 1))).numpy()
    optimizer_steps = list(objective.optimizer_steps(batch, 0.0))
    assert optimizer_steps[0].loss.item() == pytest.approx(-np.log(real_p).mean() - np.log(1 - fake_p).mean(), rel=1e-4)
    l1 = np.abs(fake.numpy() - batch.target.numpy()).mean()
    assert optimizer_steps[1].loss.item() == pytest.approx(-np.log(fake_p).mean() + 100 * l1, rel=1e-4)


def objectives() -> list:
    torch.manual_seed(0)
    given = needs()
    return [
        (build_objective(LineDetection().sized(**SMALL)), Batch(hinted_batch().target, hinted_batch().condition)),
        (build_objective(Drafting().sized(**SMALL), given), hinted_batch()),
        (
            build_objective(Drafting(discriminator=TwoStageDiscriminator(cardinality=4)).sized(**SMALL), given),
            hinted_batch(),
        ),
        (colorization(Colorization(artifacts=NO_ARTIFACTS), given), hinted_batch()),
        (build_objective(HintedPix2pix().sized(**SMALL)), hinted_batch()),
    ]


@pytest.mark.parametrize("case", range(5), ids=["line_detector", "draft", "draft_resnext", "two_stage", "pix2pix"])
def test_each_step_moves_all_of_its_own_network_only(case):
    objective, batch = objectives()[case]
    for optimizer_step in objective.optimizer_steps(batch, 0.0):
        for network in objective.networks.values():
            network.zero_grad()
        optimizer_step.loss.backward()
        own = [p for p in objective.networks[optimizer_step.optimizer].parameters() if p.requires_grad]
        assert all(p.grad is not None and p.grad.abs().max() > 0 and p.grad.isfinite().all() for p in own)
        others = [network for name, network in objective.networks.items() if name != optimizer_step.optimizer]
        assert all(p.grad is None for network in others for p in network.parameters())


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        (LineDetection(detector_optimizer=QUICK), "detector/l1"),
        (Drafting(generator_optimizer=QUICK), "generator/l1"),
        (Colorization(artifacts=NO_ARTIFACTS, generator_optimizer=QUICK), "generator/l1"),
        (HintedPix2pix(generator_optimizer=QUICK), "generator/l1"),
    ],
    ids=["line_detector", "draft", "two_stage", "pix2pix"],
)
def test_each_overfits_one_batch(spec, part):
    torch.manual_seed(0)
    given, batch = needs(), batch_of(channels=3, pictures=2, side_px=64)
    if isinstance(spec, LineDetection):
        batch = Batch(condition=batch.target, target=batch.condition)
    else:
        batch = replace(batch, hint=torch.zeros(2, 4, 16, 16))
    objective = (
        colorization(spec, given) if isinstance(spec, Colorization) else build_objective(spec.sized(**SMALL), given)
    )
    history = minimize(objective, batch, steps=30)
    assert history[-1][part] < 0.6 * history[0][part]


def test_learning_rates_drop_where_the_paper_says():
    detector = build_objective(LineDetection().sized(**SMALL)).optimizers()["detector"]
    rates = []
    for step in (0, 109_999, 110_001, 182_999, 183_001):
        set_learning_rates(detector, step / 256_000)
        rates.append(detector.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6])
    draft = build_objective(Drafting().sized(**SMALL), needs()).optimizers()
    for optimizer in draft.values():
        set_learning_rates(optimizer, 47_999 / 175_000)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)
        set_learning_rates(optimizer, 48_001 / 175_000)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-5)
        assert optimizer.param_groups[0]["betas"] == (0.5, 0.9)


@pytest.mark.parametrize("spec", [LineDetection(), Drafting(), Colorization(), HintedPix2pix()])
def test_specifications_round_trip(spec):
    assert spec_from_json(spec_to_json(spec)) == spec


def test_sized_reaches_every_network():
    spec = Colorization().sized(**SMALL)
    assert spec.generator.draft.unet.width == spec.generator.colorization.width == 8
    assert LineDetectionModel(LineDetector().sized(**SMALL)).first.out_channels == 8


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_two_stage_can_be_exported(size, tmp_path):
    torch.manual_seed(0)
    spec = TwoStageGenerator()
    small = replace(
        spec,
        draft=DraftGenerator(unet=replace(spec.draft.unet, width=8, levels=2, blocks=1)),
        colorization=replace(spec.colorization, width=8, levels=2, blocks=1),
    )
    network = TwoStage(small).eval()
    example, others = ((torch.randn(1, 1, *size), torch.randn(1, 4, size[0] // 4, size[1] // 4)) for _ in range(2))
    torch.export.save(torch.export.export(network, example), tmp_path / "two_stage.pt2")
    exported = torch.export.load(tmp_path / "two_stage.pt2").module()
    assert torch.allclose(exported(*others), network(*others), atol=1e-5)


def test_a_draft_alone_colorizes():
    batch = hinted_batch(size=(33, 47))
    draft = Draft(DraftGenerator().sized(**SMALL)).eval()
    assert draft(*batch.given).shape == batch.target.shape
