"""The example of docs/colorize.md does what it says."""

import re

import cv2
import numpy as np
import pytest

from pipelines.colorize.references import References
from tests.installation import PROJECT
from tests.pipelines.colorize.test_reference_colorizer import scene


def test_the_example(tmp_path, monkeypatch: pytest.MonkeyPatch):
    for name, left in (("cover", 0), ("panel", 30)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.cvtColor(scene(left=left), cv2.COLOR_RGB2BGR))
    monkeypatch.chdir(tmp_path)
    found = re.search(r"```python\n(.*?)```", (PROJECT / "docs" / "colorize.md").read_text("utf-8"), re.DOTALL)
    assert found
    values: dict = {}
    exec(compile(found[1], "docs/colorize.md", "exec"), values)
    assert values["colored"].rgb.shape == (192, 256, 3)
    assert values["colored"].rgb.dtype == np.uint8
    assert References.load(tmp_path / "references.safetensors").names == ("cover", "panel, corrected")
