"""VGG's numbering and sizes, and extractors: what they look at, how they are loaded."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.features import Extractor, WeightsError, load_extractor
from models.vgg import VggStack

TORCHVISION_VGG16 = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
TORCHVISION_VGG19 = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


@pytest.mark.parametrize(
    ("depth", "numbers", "parameters"),
    [(16, TORCHVISION_VGG16, 14_714_688), (19, TORCHVISION_VGG19, 20_024_384)],  # published, without the heads
)
def test_vgg_is_numbered_as_in_torchvision(depth, numbers: list[int], parameters: int):
    with torch.device("meta"):
        stack = VggStack(depth)
    assert list(stack.state_dict()) == [f"features.{n}.{part}" for n in numbers for part in ("weight", "bias")]
    assert sum(parameter.numel() for parameter in stack.parameters()) == parameters
    assert stack(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 512, 7, 7)


def test_maps_come_in_the_order_asked_for_and_relu_follows_its_convolution():
    stack = VggStack(19, in_channels=1, width=8)
    x = torch.randn(2, 1, 33, 47)
    relu5_4, conv1_2, relu1_2, conv3_4 = stack.maps(x, ("relu5_4", "conv1_2", "relu1_2", "conv3_4"))
    assert relu5_4.shape == (2, 64, 2, 2)
    assert conv1_2.shape == (2, 8, 33, 47)
    assert conv3_4.shape == (2, 32, 8, 11)
    assert conv1_2.min() < 0
    assert torch.equal(relu1_2, conv1_2.clamp(min=0))
    assert torch.equal(relu1_2, stack.features[:4](x))
    assert stack.maps(x, ()) == []


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match=r"no layer 'relu5_4'.*relu5_3"):
        VggStack(16, width=8).maps(torch.zeros(1, 3, 32, 32), ["relu5_4"])


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_imagenet_extractors_see_rgb_of_mean_0_and_deviation_1(name: str):
    extractor = Extractor(name, width=8)
    rgb = torch.rand(2, 3, 16, 16) * 2 - 1
    colors = (rgb.numpy().transpose(0, 2, 3, 1) + 1) / 2
    normal = (colors - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    seen = torch.from_numpy(normal.transpose(0, 3, 1, 2).astype(np.float32))
    torch.testing.assert_close(extractor(rgb, ("conv2_1",)), extractor.stack.maps(seen, ("conv2_1",)))


def test_the_edge_extractor_sees_bgr_from_0_to_255_around_the_mean_and_gives_maps_in_units_of_its_deviation():
    extractor = Extractor("hed-vgg16", width=8)
    rgb = torch.rand(2, 3, 16, 16) * 2 - 1
    colors = (rgb.numpy().transpose(0, 2, 3, 1) + 1) * 127.5
    normal = colors[..., ::-1] - np.array([104.007, 116.669, 122.679])
    seen = torch.from_numpy(np.ascontiguousarray(normal.transpose(0, 3, 1, 2), np.float32))
    (expected,) = extractor.stack.maps(seen, ("conv1_1",))
    (found,) = extractor(rgb, ("conv1_1",))
    torch.testing.assert_close(found, expected / 57.63, rtol=1e-4, atol=1e-4)


def test_extractors_never_learn_but_gradients_reach_the_picture():
    extractor = Extractor("vgg16", width=8)
    assert not extractor.training
    assert not any(parameter.requires_grad for parameter in extractor.parameters())
    rgb = torch.zeros(1, 3, 32, 32, requires_grad=True)
    extractor(rgb, ("relu5_3",))[0].sum().backward()
    assert rgb.grad is not None
    assert rgb.grad.abs().sum() > 0


def test_extractors_compute_in_float32_under_autocast():
    extractor = Extractor("vgg16", width=8)
    rgb = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = extractor(rgb.bfloat16(), ("relu2_2",))[0]
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, extractor(rgb.bfloat16().float(), ("relu2_2",))[0])


def test_gray_pictures_count_as_rgb():
    extractor = Extractor("vgg16", width=8)
    gray = torch.rand(1, 1, 16, 16)
    assert torch.equal(extractor(gray, ("relu1_2",))[0], extractor(gray.repeat(1, 3, 1, 1), ("relu1_2",))[0])


def test_an_unknown_extractor_is_refused():
    with pytest.raises(ValueError, match=r"'vgg11'.*hed-vgg16"):
        Extractor("vgg11")


def test_torchvisions_file_is_read_without_its_head(tmp_path: Path):
    weights = VggStack(16).state_dict()
    torch.save({**weights, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg16.pth")
    extractor = load_extractor("vgg16", tmp_path / "vgg16.pth")
    assert all(torch.equal(extractor.stack.state_dict()[key], tensor) for key, tensor in weights.items())
    assert not any(parameter.requires_grad for parameter in extractor.parameters())


def test_half_precision_becomes_float32(tmp_path: Path):
    weights = {key: tensor.half() for key, tensor in VggStack(16).state_dict().items()}
    save_file({**weights, "side.1.weight": torch.zeros(1)}, tmp_path / "hed.safetensors")
    extractor = load_extractor("hed-vgg16", tmp_path / "hed.safetensors")
    loaded = extractor.stack.state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in loaded.values())
    assert all(torch.equal(loaded[key], tensor.float()) for key, tensor in weights.items())


class _Code:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_code_in_a_file_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.save({"features.0.weight": _Code()}, tmp_path / "vgg16.pth")
    with pytest.raises(WeightsError, match=r"vgg16\.pth"):
        load_extractor("vgg16", tmp_path / "vgg16.pth")
    assert "must not run" not in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_do_not_fit_are_named(tmp_path: Path, suffix: str):
    path = tmp_path / f"other{suffix}"
    with pytest.raises(FileNotFoundError):
        load_extractor("vgg16", path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match=f"other{suffix}"):
        load_extractor("vgg16", path)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match=f"other{suffix}"):
        load_extractor("vgg16", path)
    save = torch.save if suffix == ".pth" else save_file
    save(VggStack(16).state_dict(), path)
    with pytest.raises(WeightsError, match="not the weights of vgg19"):
        load_extractor("vgg19", path)


def test_the_edge_extractor_of_the_shared_file_sees_edges():
    path = Path(__file__).parents[3] / "shared" / "weights" / "hed-vgg16.safetensors"
    if not path.exists():
        pytest.skip("hed-vgg16.safetensors is not there")
    extractor = load_extractor("hed-vgg16", path)
    flat = torch.full((1, 3, 48, 48), 0.5)
    edged = flat.clone()
    edged[..., 24:] = -1
    edged.requires_grad_()
    layers = ("relu1_2", "relu2_2", "relu3_3", "relu5_3")
    maps = extractor(edged, layers)
    for flat_map, edged_map in zip(extractor(flat, layers), maps, strict=True):
        assert edged_map.std(dim=(2, 3), correction=0).mean() > 1.5 * flat_map.std(dim=(2, 3), correction=0).mean()
    maps[-1].sum().backward()
    assert edged.grad is not None
    assert edged.grad.abs().max() > 0


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_spoilt_files_of_weights_are_refused_in_one_line(tmp_path: Path, suffix: str):
    path = tmp_path / f"weights{suffix}"
    whole = Extractor("vgg16").stack.state_dict()
    first = next(iter(whole))
    write = {".pth": torch.save, ".safetensors": save_file}[suffix]
    for spoilt in (None, {**whole, first: whole[first] * float("nan")}, {first: whole[first]}):
        if spoilt is None:
            path.write_bytes(b"\x80\x04no weights" * 30)
        else:
            write(spoilt, path)
        with pytest.raises(WeightsError, match=f"weights{suffix}: ") as caught:
            load_extractor("vgg16", path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600
    if suffix == ".pth":
        for other in ([1, 2], {"features.0.weight": 7}):
            torch.save(other, path)
            with pytest.raises(WeightsError, match="no file of weights, but"):
                load_extractor("vgg16", path)


def _spoilt_kinds() -> dict[str, torch.Tensor]:
    whole = torch.zeros(64, 3, 3, 3)
    return {
        "float4": torch.zeros(64, 3, 3, 3, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "float8": torch.full_like(whole, float("nan")).to(torch.float8_e4m3fn),
        "sparse": whole.to_sparse(),
        "meta": torch.empty_like(whole, device="meta"),
    }


@pytest.mark.parametrize("kind", ["float4", "float8", "sparse", "meta"])
def test_tensors_that_torch_cannot_look_into_are_refused_in_one_line(tmp_path: Path, kind: str):
    path = tmp_path / "weights.pth"
    whole = Extractor("vgg16").stack.state_dict()
    torch.save({**whole, next(iter(whole)): _spoilt_kinds()[kind]}, path)
    with pytest.raises(WeightsError, match=r"weights\.pth: ") as caught:
        load_extractor("vgg16", path)
    assert "\n" not in str(caught.value)
