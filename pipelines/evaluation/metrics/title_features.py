"""The features of a classifier of titles: float32 RGB (B, 3, H, W) in [-1, 1] -> (B, F)."""

from torch import Tensor, nn

from models.classifiers.network import TitleNetwork


class TitleFeatures(nn.Module):
    """The features of a trained classifier of titles (paper 000, section IV.B): means of its last stage.

    512 features for VGG16, of which a set needs fewer pictures than for the 4,096 of its hidden layers.
    """

    def __init__(self, classifier: TitleNetwork) -> None:
        """Raises ValueError for a classifier that sees gray: it has no features of colour."""
        super().__init__()
        if classifier.spec.in_channels != 3:
            raise ValueError(
                f"a classifier of {classifier.spec.in_channels} channel has no features of colour; "
                "give one that learned on colour, such as vgg16_color"
            )
        self.classifier = classifier
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, F)."""
        return self.classifier.stages(rgb).popitem()[1].mean(dim=(2, 3))
