"""Damage to what the lake has of one title: `tintoon sync` goes on with the others, and names it at the end."""

import json
from pathlib import Path

import yaml

from tests.installation import Installation
from tests.pipelines.issue_pages.small_site import picture


def test_damage_to_one_title_holds_up_no_other(tmp_path: Path):
    installation = Installation(tmp_path / "home", {"TINTOON_TITLES": str(tmp_path / "titles.yaml")})
    declared = {}
    for key in ("a", "b"):
        (tmp_path / key / "ep01").mkdir(parents=True)
        (tmp_path / key / "ep01" / "1.jpg").write_bytes(picture(1))
        declared[key] = {"source": "folder", "address": key, "licence": "CC0-1.0", "attribution": "Drawn by Tintoon"}
    (tmp_path / "titles.yaml").write_text(yaml.safe_dump({"titles": declared}))
    lake = installation.home / "lake"
    for damaged in (lake / "issue_pages" / "a" / "ep01.parquet", lake / "catalogue" / "a.json"):
        damaged.parent.mkdir(parents=True, exist_ok=True)
        damaged.write_bytes(b"{")
    planned = installation.try_to("sync", "--dry-run", "--json")
    assert planned.returncode == 1
    assert "a: " in planned.stderr
    assert "a.json: damaged, no JSON" in planned.stderr
    assert "tintoon sync" in planned.stderr
    assert "Traceback" not in planned.stderr
    assert [issue["key"] for issue in json.loads(planned.stdout)] == ["b__ep01"]
    synced = installation.try_to("sync")
    assert synced.returncode == 1
    assert "a.json: damaged, no JSON" in synced.stderr
    assert "Traceback" not in synced.stderr
    assert "1 free issues, 1 of them new" in synced.stdout
    assert (lake / "catalogue" / "b.json").exists()
