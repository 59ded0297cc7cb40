"""Pictures without a truth: gray panels of the lake, folders, and how they stand in galleries."""

import cv2
import numpy as np
import pytest

from pipelines.evaluation.benchmark import evaluate
from pipelines.evaluation.gallery import UNPAIRED, gallery_grid
from pipelines.evaluation.unpaired import gray_panels, network_input_of, pictures_of
from tests.pipelines.conftest import drawn_panel
from tests.pipelines.evaluation.conftest import SMALL


def test_panels_that_were_dropped_as_gray_are_shown(write_lake, freeze_lake, tmp_path, tint):
    grays = [np.full((40, 60, 3), value, np.uint8) for value in (10, 90, 200)]
    panels = [*(drawn_panel(seed) for seed in range(2)), *grays]
    dropped = {f"a__1__{number:04d}": "gray" for number in (3, 4, 5)}
    lake = write_lake(tmp_path, {("a", "1"): ("train", panels), ("a", "2"): ("test", [drawn_panel(9)])}, dropped)
    found = gray_panels(lake, 2)
    assert list(found) == ["a__1__0003", "a__1__0005"]
    assert [picture.mean() for picture in found.values()] == [10, 200]
    evaluation = evaluate(tint("red", (40, 0, 0)), freeze_lake(lake), SMALL, unpaired=found)
    shown = evaluation.gallery[evaluation.gallery["kind"] == UNPAIRED]
    assert list(shown["panel_id"]) == list(found)
    assert set(shown["truth"]) == {b""}
    output = cv2.imdecode(np.frombuffer(shown["output"].iloc[0], np.uint8), cv2.IMREAD_COLOR_RGB)
    assert output is not None
    assert output.shape == (60, 60, 3)  # a white square around it
    np.testing.assert_allclose(output[30, 30], (50, 10, 10), atol=3)
    assert output[2, 30].min() > 250
    assert gallery_grid(shown, "red").ndim == 3
    assert len(evaluation.per_picture) == 1  # they count nowhere


def test_a_folder_takes_their_place(tmp_path):
    cv2.imwrite(str(tmp_path / "line.png"), np.full((2000, 1000), 255, np.uint8))
    (tmp_path / ".DS_Store").write_bytes(b"")
    assert {name: picture.shape for name, picture in pictures_of(tmp_path).items()} == {"line.png": (512, 256)}
    with pytest.raises(FileNotFoundError, match=r"nowhere: no folder of pictures \(settings.yaml"):
        pictures_of(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        pictures_of(tmp_path)


def test_colorizers_of_edges_see_light_lines():
    drawing = np.full((64, 64), 255, np.uint8)
    cv2.circle(drawing, (32, 32), 20, (0,), 2)
    np.testing.assert_array_equal(network_input_of(drawing, "line"), drawing)
    np.testing.assert_array_equal(network_input_of(drawing, "edge"), 255 - drawing)
    page = np.full((64, 64), 128, np.uint8)
    page[16:48, 16:48] = 20
    edges = network_input_of(page, "edge")
    assert set(np.unique(edges)) == {0, 255}
    assert 0 < edges.mean() < 30
