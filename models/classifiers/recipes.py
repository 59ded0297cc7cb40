"""The title classifiers of paper 000 (section IV.B): VGG16 and ResNet-50, each on gray and on colour."""

from models.classifiers.spec import TellTitle, TitleClassifier, TitleResNet50, TitleVgg16
from models.recipe import Recipe, Sight
from models.specs.base import ColorSpace


def _recipe(name: str, network: str, classifier: TitleClassifier) -> Recipe:
    # The gray ones see L of Lab and not the gray value: exactly what the webtoon generators see, which take
    # VGG16's features. The colour ones see RGB, in which generated pictures are evaluated.
    variant: Sight = "gray" if classifier.in_channels == 1 else "color"
    color_space: ColorSpace = "lab" if variant == "gray" else "rgb"
    return Recipe(
        name=name,
        title=f"Paper 000: the title of a {variant} panel, {network}",
        paper="000",
        task="tell_title",
        variant=variant,
        color_space=color_space,
        objective=TellTitle(classifier),
        with_label=True,
        resolution=256,
        batch=32,  # [I]
        steps=8_700,  # [I] 20 epochs of the paper's 13,918 panels
    )


RECIPES = (
    _recipe("vgg16_gray", "VGG16", TitleVgg16(in_channels=1)),
    _recipe("vgg16_color", "VGG16", TitleVgg16(in_channels=3)),
    _recipe("resnet50_gray", "ResNet-50", TitleResNet50(in_channels=1)),
    _recipe("resnet50_color", "ResNet-50", TitleResNet50(in_channels=3)),
)
