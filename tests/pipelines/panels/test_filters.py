import cv2
import numpy as np
import pytest

from pipelines.panels.filters import MeasuredPanel, colored_share, drop_reason, is_gray
from pipelines.panels.params import PanelParams

PARAMS = PanelParams()


def gray_drawing():
    picture = np.full((300, 400), 235, np.uint8)
    cv2.circle(picture, (150, 150), 90, 120, cv2.FILLED)
    cv2.rectangle(picture, (220, 40), (380, 260), 60, 8)
    cv2.putText(picture, "BANG", (30, 280), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 6)
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    return cv2.cvtColor((picture + noise).clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def as_jpeg(picture, quality):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def reason_of_size(width_px, height_px, params):
    return drop_reason(MeasuredPanel(np.zeros((height_px, width_px, 3), np.uint8)), params)


def seems_gray(picture):
    return is_gray(colored_share(MeasuredPanel(picture), PARAMS), PARAMS)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((200, 200), None),
        ((800, 800), None),
        ((199, 500), "too_small"),
        ((500, 199), "too_small"),
        ((801, 500), "too_large"),
        ((500, 801), "too_large"),
        ((100, 900), "too_small"),
    ],
)
def test_size_range_holds_both_ends(size, reason):
    assert reason_of_size(*size, PARAMS) == reason


def test_title_may_have_its_own_size_range():
    assert reason_of_size(911, 426, PanelParams(max_side_px=1400)) is None


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_gray_drawing_is_gray_whatever_jpeg_does(quality):
    assert seems_gray(as_jpeg(gray_drawing(), quality))


def test_chroma_noise_is_no_colour():
    noise = np.random.default_rng(1).normal(0, 12, (300, 400, 3))
    assert seems_gray((gray_drawing() + noise).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("paper", [(255, 240, 200), (240, 220, 180), (225, 205, 165), (245, 250, 255)])
def test_tinted_paper_counts_as_gray(paper):
    tinted = (gray_drawing() * (np.array(paper) / 255)).astype(np.uint8)
    assert seems_gray(as_jpeg(tinted, 80))


def test_sepia_ink_counts_as_gray():
    lightness = gray_drawing()[..., 0] / 255
    sepia = np.stack([80 + 160 * lightness, 55 + 165 * lightness, 30 + 150 * lightness], axis=2)
    assert seems_gray(sepia.astype(np.uint8))


def test_a_coloured_figure_on_gray_is_coloured():
    picture = gray_drawing()
    cv2.circle(picture, (300, 150), 40, (210, 60, 50), cv2.FILLED)
    assert colored_share(MeasuredPanel(picture), PARAMS) == pytest.approx(np.pi * 40**2 / (300 * 400), rel=0.25)
    assert not seems_gray(picture)


@pytest.mark.parametrize("colour", [(40, 70, 160), (230, 120, 40), (60, 140, 60)])
def test_a_picture_in_shades_of_one_strong_colour_is_coloured(colour):
    shades = (gray_drawing() / 255 * np.array(colour)).astype(np.uint8)
    assert not seems_gray(shades)


def test_the_share_that_a_title_asks_for_is_coloured():
    params = PanelParams(gray_share=0.25)
    assert [is_gray(share, params) for share in (0, 0.249, 0.25, 1)] == [True, True, False, False]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_pictures_one_pixel_wide(size):
    assert colored_share(MeasuredPanel(np.full((*size, 3), 90, np.uint8)), PARAMS) == 0


def coloured(*, lightness: tuple[float, float] = (20, 90), tint: tuple[int, int] = (0, 0), spread: float = 25):
    """A picture of patches between two lightnesses, whose colours lie around a tint (a and b of CIELAB)."""
    random = np.random.default_rng(3)
    lab = np.empty((20, 20, 3), np.float32)
    lab[..., 0] = random.uniform(*lightness, (20, 20))
    lab[..., 1:] = random.normal(0, spread, (20, 20, 2)) + tint
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1)
    return np.kron((rgb * 255).round().astype(np.uint8), np.ones((15, 15, 1), np.uint8))


ALL = PanelParams(max_aspect=3, high_key_lightness=85, low_key_lightness=25, max_cast=3)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (coloured(), None),
        (coloured(lightness=(92, 99), spread=4), "high_key"),
        (coloured(lightness=(2, 14), spread=4), "low_key"),
        (coloured(tint=(10, 45), spread=6), "skewed_color"),
        (coloured(tint=(10, -40), spread=6, lightness=(30, 60)), "skewed_color"),
        # A tint over all colours, and an even picture that is nearly gray, are no skew.
        (coloured(tint=(10, 20), spread=25), None),
        (coloured(tint=(2, 2), spread=0.5), None),
        (gray_drawing(), None),
        (np.full((300, 300, 3), 255, np.uint8), "high_key"),
        (np.zeros((300, 300, 3), np.uint8), "low_key"),
    ],
)
def test_light_and_colours_that_paper_003_took_out(picture, reason):
    assert drop_reason(MeasuredPanel(picture), ALL) == reason
    assert drop_reason(MeasuredPanel(picture), PARAMS) is None


def test_a_light_picture_with_a_dark_figure_is_no_high_key():
    picture = coloured(lightness=(92, 99), spread=4)
    assert drop_reason(MeasuredPanel(picture), ALL) == "high_key"
    picture[100:220, 100:220] = (90, 60, 40)
    assert drop_reason(MeasuredPanel(picture), ALL) is None


@pytest.mark.parametrize(
    ("size", "reason"),
    [((300, 300), None), ((300, 900), None), ((300, 901), "extreme_aspect"), ((901, 300), "extreme_aspect")],
)
def test_shapes_that_are_too_long(size, reason):
    params = PanelParams(max_aspect=3, max_side_px=2000)
    assert reason_of_size(*size, params) == reason
    assert reason_of_size(*size, PanelParams(max_side_px=2000)) is None


def test_size_and_shape_go_before_looks():
    dark = np.zeros((100, 700, 3), np.uint8)
    assert drop_reason(MeasuredPanel(dark), ALL) == "too_small"
    assert drop_reason(MeasuredPanel(dark), ALL.model_copy(update={"min_side_px": 100})) == "extreme_aspect"
    assert drop_reason(MeasuredPanel(dark[:, :300]), ALL.model_copy(update={"min_side_px": 100})) == "low_key"
