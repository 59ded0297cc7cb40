"""Networks: sizes, parameter counts worked out by hand from the papers' tables, gradients, initialization."""

import math
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import nn

from models.blocks import Double, Halve
from models.discriminators import PatchGan
from models.pix2pix.network import PictureNorm, UNet
from models.pix2pix.spec import Pix2pixUNet
from models.specs.discriminators import PatchGan as PatchGanSpec
from tests.models.learning import parameters_of, without_gradient

TINY_UNET = Pix2pixUNet(in_channels=1, out_channels=2, width=8, levels=5)


@pytest.mark.parametrize("kernel_px", [3, 4, 5])
@pytest.mark.parametrize("size", [(180, 320), (45, 80), (23, 5), (1, 2), (1, 1)])
def test_halving_rounds_up_and_doubling_undoes_it(kernel_px: int, size: tuple[int, int]):
    halved = Halve(1, 2, kernel_px=kernel_px, bias=True)(torch.zeros(1, 1, *size))
    assert halved.shape == (1, 2, math.ceil(size[0] / 2), math.ceil(size[1] / 2))
    doubled = Double(2, 3, kernel_px=kernel_px, bias=True)(halved, torch.Size(size))
    assert doubled.shape == (1, 3, *size)


def test_odd_size_doubles_like_torch_with_its_own_output_size():
    double = Double(2, 3, kernel_px=5, bias=True)
    plain = nn.ConvTranspose2d(2, 3, 5, 2, 2)
    plain.load_state_dict(double.state_dict())
    x = torch.randn(1, 2, 12, 20)
    assert torch.equal(double(x, torch.Size((23, 40))), plain(x, output_size=(23, 40)))


def test_unet_256_has_the_published_number_of_parameters():
    # 3 -> 3 channels: encoder convolutions 19,532,800 and norms 4,864; decoder 34,871,299 and norms 4,992.
    with torch.device("meta"):
        assert parameters_of(UNet(Pix2pixUNet(in_channels=3, out_channels=3))) == 54_413_955
        # L -> ab: two input channels less are 2 * 64 * 16, one output channel less is 128 * 16 + 1.
        assert parameters_of(UNet(Pix2pixUNet(in_channels=1, out_channels=2))) == 54_413_955 - 2_048 - 2_049


def test_patchgan_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert parameters_of(PatchGan(PatchGanSpec(in_channels=6))) == 2_768_705
        assert parameters_of(PatchGan(PatchGanSpec(in_channels=3))) == 2_768_705 - 3 * 64 * 16


def test_a_patchgan_logit_sees_70_pixels_a_side():
    torch.manual_seed(0)
    network = PatchGan(PatchGanSpec(in_channels=3, width=8)).eval()
    picture = torch.randn(1, 3, 256, 256, requires_grad=True)
    logits = network(picture)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    rows, columns = (picture.grad.abs().amax(dim=(0, 1, axis)) > 0 for axis in (3, 2))
    assert rows.sum() == columns.sum() == 70


@pytest.mark.parametrize("size", [(24, 24), (33, 47), (90, 25)])
def test_patchgan_takes_any_size(size: tuple[int, int]):
    logits = PatchGan(PatchGanSpec(in_channels=3, width=8))(torch.randn(2, 3, *size))
    assert logits.shape == (2, 1, *(math.ceil(side / 8) - 2 for side in size))


@pytest.mark.parametrize("norm", ["picture", "batch"])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (5, 90), (1, 1)])
def test_generators_keep_any_size(size: tuple[int, int], norm: Literal["picture", "batch"]):
    output = UNet(replace(TINY_UNET, norm=norm)).eval()(torch.randn(2, 1, *size))
    assert output.shape[0] == 2
    assert output.shape[-2:] == size
    assert output.abs().max() <= 1


def test_unet_at_its_papers_size_has_one_pixel_innermost():
    spec = Pix2pixUNet(in_channels=1, out_channels=2, width=2)
    network = UNet(spec)
    sizes = []
    for layer in network.encoder:
        layer.register_forward_hook(lambda _, __, output: sizes.append(tuple(output.shape[-2:])))
    output = network(torch.randn(1, 1, 256, 256))  # batch 1, in training mode, as pix2pix trains
    assert sizes == [(side, side) for side in (128, 64, 32, 16, 8, 4, 2, 1)]
    assert output.shape == (1, 2, 256, 256)


def test_pictures_normalized_by_themselves_are_batch_norm_of_batches_of_one():
    torch.manual_seed(0)
    norm, alone = PictureNorm(3), nn.BatchNorm2d(3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    alone.load_state_dict(norm.state_dict(), strict=False)  # it also has running means
    pictures = torch.randn(4, 3, 5, 7) * 3 + 1
    by_one = torch.cat([alone.train()(picture) for picture in pictures.split(1)])
    torch.testing.assert_close(norm.train()(pictures), by_one)
    assert torch.equal(norm.eval()(pictures), norm.train()(pictures))
    assert not dict(norm.named_buffers())
    assert torch.equal(norm(torch.randn(2, 3, 1, 1)), norm.bias[:, None, None].expand(2, 3, 1, 1))


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (17, 1)])
def test_a_unet_normalizes_each_picture_by_itself(size: tuple[int, int]):
    torch.manual_seed(0)
    network = UNet(TINY_UNET)
    assert parameters_of(network) == parameters_of(UNet(replace(TINY_UNET, norm="batch")))
    assert not [layer for layer in network.modules() if type(layer) is nn.BatchNorm2d]
    pictures = torch.randn(3, 1, *size)
    with torch.no_grad():
        together = network.eval()(pictures)
        torch.testing.assert_close(together, torch.cat([network(picture) for picture in pictures.split(1)]))
        network.dropout.p = 0.0  # the one thing left in which use differs from learning
        torch.testing.assert_close(network.train()(pictures), together)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    for network, channels in (
        (UNet(TINY_UNET), 1),
        (UNet(replace(TINY_UNET, norm="batch")), 1),
        (PatchGan(PatchGanSpec(in_channels=3, width=8)), 3),
    ):
        network.train()(torch.randn(4, channels, 64, 64)).square().mean().backward()
        assert without_gradient(network) == []


def test_skips_carry_the_input_past_the_bottleneck():
    torch.manual_seed(0)
    network = UNet(TINY_UNET).eval()
    # One pixel changes: with skips the output changes there more than anywhere far away.
    x = torch.zeros(1, 1, 64, 64)
    y = x.clone()
    y[..., 32, 32] = 1
    change = (network(y) - network(x)).abs().sum(1)[0]
    assert change[28:37, 28:37].max() == change.max() > 0


def test_weights_start_as_pix2pix_starts_them():
    torch.manual_seed(0)
    network = UNet(Pix2pixUNet(in_channels=1, out_channels=2, width=32, levels=5))
    convolutions = torch.cat([p.flatten() for name, p in network.named_parameters() if p.ndim == 4])
    assert abs(convolutions.std().item() - 0.02) < 2e-4
    assert abs(convolutions.mean().item()) < 2e-4
    scales = torch.cat([layer.weight for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)])
    assert abs(scales.mean().item() - 1) < 0.005
    assert 0.015 < scales.std().item() < 0.025


def test_a_specification_fits_itself_to_smaller_pictures():
    spec = Pix2pixUNet(in_channels=1, out_channels=2)
    assert spec.sized(width=32, resolution=64) == Pix2pixUNet(in_channels=1, out_channels=2, width=32, levels=6)
    assert spec.sized(width=64, resolution=512) == spec
    with pytest.raises(ValueError, match="levels is 1"):
        Pix2pixUNet(in_channels=1, out_channels=2, levels=1)


@pytest.mark.parametrize("kernel_px", [3, 4, 5])
def test_doubling_few_places_is_the_transposed_convolution(kernel_px: int) -> None:
    torch.manual_seed(0)
    layer = Double(12, 7, kernel_px=kernel_px, bias=True).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    for shape in ((1, 12, 1, 1), (2, 12, 3, 5)):
        picture, size = torch.rand(shape), torch.Size((2 * shape[2], 2 * shape[3] - 1))
        expected = layer(picture, size)  # with gradients: torch's
        with torch.no_grad():
            assert torch.allclose(layer(picture, size), expected, atol=1e-6)
