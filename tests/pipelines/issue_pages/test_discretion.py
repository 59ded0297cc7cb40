"""What titles.yaml has as `${...}` is asked for, and never printed or stored."""

import json
import traceback
from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.issue_pages.catalogue import catalogue_path, sync_titles
from pipelines.issue_pages.client.fetch_error import FetchError, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.plan import plan_title
from pipelines.issue_pages.sources.registry import SOURCES
from pipelines.lake import Lake
from pipelines.titles import Secrets, Title, load_titles
from tests.pipelines.issue_pages.packed import write_zip
from tests.pipelines.issue_pages.small_site import TITLE_ID, declared, picture

ADDRESS = "    address: {}\n    licence: CC0-1.0\n    attribution: me\n"


def titled(folder: Path, source: str, address: str, **variables: str) -> dict[str, Title]:
    file = folder / "titles.yaml"
    file.write_text(f"titles:\n  days:\n    source: {source}\n" + ADDRESS.format(json.dumps(address)))
    return load_titles(file, sources=SOURCES, variables=variables)


def stored(lake: Lake) -> str:
    """Everything that the lake holds, as text."""
    texts = [path.read_bytes().decode("latin-1") for path in Path(str(lake.root)).rglob("*") if path.is_file()]
    for path in lake.root.glob("issue_pages/*/*.parquet"):
        table = lake.read_table(path)
        texts.append(repr(table.drop_columns(["image"]).to_pylist()))
    return "\n".join(texts)


def test_a_site_behind_a_variable(serve, all_sources, lake, tmp_path, caplog):
    site = serve()
    plain = declared(site)["days"].address
    host = site.url.removeprefix("http://")
    address = f"${{SITE}}/webtoon/list?titleId={TITLE_ID}&token=${{TOKEN}}"
    titles = titled(tmp_path, "naver", address, SITE=site.url, TOKEN="S3cret+/x")
    assert titles["days"].address == f"{plain}&token=S3cret+/x".replace("&weekday=mon", "")
    report = sync_titles(titles, all_sources, lake)
    assert report.keys, report.errors
    planned = list(plan_title(titles["days"], all_sources["naver"], lake))
    for key in report.keys:
        assert collect_issue(key, titles, all_sources, lake).counts == {"ok": 3}
    again = collect_issue(report.keys[0], titles, all_sources, lake)
    assert (again.unchanged, again.fetched) == (True, 0)
    said = stored(lake) + json.dumps([asdict(one) for one in planned]) + caplog.text + repr(titles)
    assert "S3cret" not in said
    assert host not in said


@pytest.mark.parametrize("break_it", ["gone", "forbidden"])
def test_errors_of_a_site_behind_a_variable(serve, all_sources, lake, tmp_path, caplog, break_it):
    site = serve()
    address = f"${{SITE}}/webtoon/list?titleId={TITLE_ID}&token=${{TOKEN}}"
    titles = titled(tmp_path, "naver", address, SITE=site.url, TOKEN="S3cret")
    if break_it == "gone":
        site.__exit__()
    else:
        site.robots = "User-agent: *\nDisallow: /"
    report = sync_titles(titles, all_sources, lake)
    with pytest.raises(RobotsRefused if break_it == "forbidden" else FetchError) as caught:
        collect_issue("days__0001", titles, all_sources, lake)
    said = "\n".join([*report.errors.values(), *traceback.format_exception(caught.value), caplog.text, stored(lake)])
    assert "${SITE}" in report.errors["days"]
    for secret in ("S3cret", site.url.removeprefix("http://")):
        assert secret not in said


@pytest.mark.parametrize("source", ["folder", "archive"])
def test_a_place_behind_a_variable(all_sources, lake, tmp_path, source):
    place = tmp_path / "pläce of mine"
    (place / "ep1").mkdir(parents=True)
    if source == "folder":
        (place / "ep1" / "1.jpg").write_bytes(picture(1))
        (place / "ep1" / "2.jpg").write_bytes(b"broken")
    else:
        write_zip(place / "ep1.cbz", {"1.jpg": picture(1), "2.jpg": b"broken"})
    titles = titled(tmp_path, source, "${PLACE}", PLACE=str(place))
    assert sync_titles(titles, all_sources, lake).keys == ("days__ep1",)
    with pytest.raises(PagesFailed) as caught:
        collect_issue("days__ep1", titles, all_sources, lake)
    said = stored(lake) + str(caught.value) + json.dumps(caught.value.failures)
    for form in ("pläce of mine", "pl%C3%A4ce", "pl\\u00e4ce"):
        assert form not in said
    assert "file://${PLACE}/ep1" in said
    assert titles["days"].address == str(place)


def test_what_was_collected_before_is_known_again(all_sources, lake, tmp_path):
    place = tmp_path / "somewhere"
    (place / "ep1").mkdir(parents=True)
    (place / "ep1" / "1.jpg").write_bytes(picture(1))
    collect_issue("days__ep1", titled(tmp_path, "folder", str(place)), all_sources, lake)
    assert "somewhere" in stored(lake)
    hidden = collect_issue("days__ep1", titled(tmp_path, "folder", "${PLACE}", PLACE=str(place)), all_sources, lake)
    assert (hidden.unchanged, hidden.not_modified, hidden.fetched) == (True, 1, 0)
    assert "somewhere" not in stored(lake)


def test_a_name_and_a_password_in_an_address(all_sources, lake, tmp_path):
    titles = titled(tmp_path, "naver", "https://me:hunter22@comic.naver.com/webtoon/list?titleId=5")
    (error,) = sync_titles(titles, all_sources, lake).errors.values()
    assert "hunter22" not in error + repr(titles["days"]) + catalogue_path(lake, "days").read_text()


def test_every_form_of_a_value_is_hidden_once():
    secrets = Secrets({"${KEY}": "Päss/Wörd+1", "${URL}": "https://user:geheim@Host.example:99/list?sig=abcdef"})
    for text in ("Päss/Wörd+1", "P%C3%A4ss/W%C3%B6rd%2B1", "P%C3%A4ss%2FW%C3%B6rd%2B1", "PÄSS/WÖRD+1"):
        assert secrets.hidden(f"a {text} b") == "a ${KEY} b"
    for text in ("host.example:99", "geheim", "abcdef", "https://user:geheim@Host.example:99/list?sig=abcdef"):
        assert secrets.hidden(f"<{text}>") == "<${URL}>"
    assert secrets.hidden("${KEY} and ${URL}") == "${KEY} and ${URL}"
    assert Secrets({"${KEY}": "KEYS"}).hidden("${KEY} KEYS") == "${KEY} ${KEY}"
    assert Secrets({"${N}": "1"}).hidden("page 11") == "page 11"
    assert Secrets().hidden("http://me:pw@host/a@b") == "http://***@host/a@b"
    assert Secrets().hidden("https://me:p@ss@host/a@b, s3://k:v@@b?c@d") == "https://***@host/a@b, s3://***@b?c@d"


def test_a_default_is_no_secret(tmp_path):
    title = titled(tmp_path, "naver", "${SITE:-https://comic.naver.com}/webtoon/list?titleId=5")["days"]
    assert not title.has_secrets
    assert title.shown(title.address) == title.address == "https://comic.naver.com/webtoon/list?titleId=5"
