"""The demo's site answers as Naver does, asked with a bare HTTP client of the standard library."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from demo.draw import DrawnIssue, Webtoon
from demo.naver import NaverSite, SiteTitle
from demo.server import SiteError
from tests.sites import faults
from tests.sites.naver_2017 import Naver2017Site

AGENT = {"User-Agent": "test/1.0"}


class Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    opener = urllib.request.build_opener(Unfollowed, urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers={**AGENT, **named}), timeout=5) as response:
            return response.status, response.read(), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def issue(number: int) -> DrawnIssue:
    return DrawnIssue(number, f"{number}화", tuple(f"slice {number}.{k}".encode() * 400 for k in (1, 2)), ())


@pytest.fixture
def webtoon() -> Webtoon:
    return Webtoon("하루 & 날", "아무개", "…", tuple(issue(number) for number in range(1, 46)))


@pytest.fixture
def site(webtoon):
    with NaverSite({900001: webtoon}) as running:
        yield running


def listed(site: NaverSite, page: int, sort: str = "ASC") -> dict:
    return json.loads(ask(f"{site.url}/api/article/list?titleId=900001&page={page}&sort={sort}")[1])


def test_lists_twenty_a_page_and_repeats_the_last(site):
    first, last, past = (listed(site, page) for page in (1, 3, 9))
    assert [article["no"] for article in first["articleList"]] == list(range(1, 21))
    assert (first["pageInfo"]["nextPage"], first["pageInfo"]["totalRows"]) == (2, 45)
    assert last["articleList"] == past["articleList"]
    assert last["pageInfo"]["nextPage"] == past["pageInfo"]["nextPage"] == 0
    assert listed(site, 1, "DESC")["articleList"][0]["no"] == 45
    assert first["articleList"][1]["serviceDateDescription"] == "25.02.16"


def test_viewer_pictures_and_validators(site, webtoon):
    viewer = f"{site.url}/webtoon/detail?titleId=900001&no=2"
    text = ask(viewer)[1].decode()
    assert '<meta property="og:title" content="하루 &amp; 날 - 2화">' in text
    addresses = re.findall(r'<img src="([^"]+)" alt="comic content" id="content_image_\d">', text)
    assert re.fullmatch(site.images_url + r"/webtoon/900001/2/20250216000000_[0-9a-f]{32}_IMAG01_1\.jpg", addresses[0])
    status, body, headers = ask(addresses[0], Referer=viewer)
    assert (status, body, headers["Content-Type"]) == (200, webtoon.issues[1].slices[0], "image/jpeg")
    assert ask(addresses[0], Referer=viewer, If_None_Match=headers["ETag"])[0] == 304
    assert ask(addresses[0], Referer=viewer, If_Modified_Since=headers["Last-Modified"])[0] == 304
    assert ask(addresses[0])[0] == 403
    assert ask(addresses[0], Referer="http://elsewhere/")[0] == 403
    assert ask(addresses[0], Referer=viewer, User_Agent="python-requests/2.34")[0] == 403
    assert ask(site.images_url + "/webtoon/900001/2/other.jpg", Referer=viewer)[0] == 404


def test_gates(webtoon):
    titles = {1: SiteTitle(webtoon, paid={45}), 2: SiteTitle(webtoon, is_adult=True)}
    with NaverSite(titles) as site:
        for no in (45, 999999):
            status, _, headers = ask(f"{site.url}/webtoon/detail?titleId=1&no={no}")
            assert (status, headers["Location"]) == (302, "/webtoon/list?titleId=1")
        answer = json.loads(ask(f"{site.url}/api/article/list?titleId=1&page=1&sort=DESC")[1])
        assert [article["no"] for article in answer["chargeFolderArticleList"]] == [45]
        assert (answer["articleList"][0]["no"], answer["totalCount"], answer["pageInfo"]["totalRows"]) == (44, 45, 44)
        assert ask(f"{site.url}/api/article/list?titleId=2")[0] == 401
        assert json.loads(ask(f"{site.url}/api/article/list/info?titleId=2")[1])["age"]["type"] == "RATE_18"
        assert "nid.naver.com/nidlogin.login" in ask(f"{site.url}/webtoon/detail?titleId=2&no=1")[2]["Location"]
        assert ask(f"{site.url}/api/article/list?titleId=3")[0] == 404


def test_challenge_titles_have_paths_of_their_own(webtoon):
    with NaverSite({1: SiteTitle(webtoon, level="BEST_CHALLENGE"), 2: SiteTitle(webtoon, level="CHALLENGE")}) as site:
        for title_id, path in ((1, "bestChallenge"), (2, "challenge")):
            viewer = f"{site.url}/{path}/detail?titleId={title_id}&no=2"
            text = ask(viewer)[1].decode()
            assert "sectionContWide" not in text
            assert "content_image" not in text
            address = re.findall(r'<img src="([^"]+)"', text)[0]
            assert re.fullmatch(
                rf"{site.images_url}/user_contents_data/challenge_comic/2025/02/16/{title_id}/upload_\d+\.jpeg", address
            )
            assert ask(address, Referer=viewer)[:2] == (200, webtoon.issues[1].slices[0])
            assert ask(f"{site.url}/webtoon/detail?titleId={title_id}&no=2")[0] == 404


def test_editors_hide_announce_and_remove(webtoon):
    edits = [lambda title: title.missing.add(3)]
    title = SiteTitle(webtoon, has_daily_pass=True, hidden={2}, notices={4}, edits=edits)
    with NaverSite({900001: title}) as site:
        before, after = listed(site, 1), listed(site, 1)
        assert [article["no"] for article in before["articleList"]][:4] == [1, 3, 4, 5]
        assert (before["pageInfo"]["totalRows"], after["pageInfo"]["totalRows"]) == (45, 44)
        assert [article["no"] for article in after["articleList"]][:3] == [1, 4, 5]
        notice, episode = before["articleList"][2:4]
        assert (notice["subtitle"], notice["volumeNo"], episode["volumeNo"]) == ("휴재 공지", 0, 4)
        assert ask(f"{site.url}/webtoon/detail?titleId=900001&no=2")[0] == 302


def test_the_layout_of_2017(webtoon):
    with Naver2017Site({900001: SiteTitle(webtoon, has_guides=True)}) as site:
        assert site.address(900001) == f"{site.url}/webtoon/list.nhn?titleId=900001&weekday=mon"
        pages = [ask(f"{site.address(900001)}&page={page}")[1].decode() for page in (1, 5, 9)]
        rows = [re.findall(r'<tr><td><a href="[^"]+no=(\d+)', page) for page in pages]
        assert rows[0] == [f"{no}" for no in range(45, 35, -1)]
        assert rows[1] == rows[2] == ["5", "4", "3", "2", "1"]
        assert '<tr class="band_banner v2">' in pages[0]
        assert '<td class="num">2025.02.16</td>' in pages[1]
        viewer = f"{site.url}/webtoon/detail.nhn?titleId=900001&no=2"
        text = ask(viewer)[1].decode()
        address = re.findall(r'<img src="([^"]+)" title="" alt="comic content" id="content_image_0">', text)[0]
        assert ask(address, Referer=viewer)[:2] == (200, webtoon.issues[1].slices[0])
        assert ask(address)[0] == 403
        assert ask(f"{site.url}/webtoon/detail.nhn?titleId=900001&no=99")[2]["Location"].startswith("/webtoon/list.nhn")
        assert ask(f"{site.url}/webtoon/list?titleId=900001")[0] == 404
        assert ask(f"{site.url}/webtoon/list.nhn?titleId=1")[0] == 404
        site.titles[900001].is_adult = True
        assert "nid.naver.com" in ask(site.address(900001))[2]["Location"]
        assert "nid.naver.com" in ask(viewer)[2]["Location"]


def test_an_archive_of_2017_redirects_to_the_day_of_its_copy(webtoon):
    with Naver2017Site({900001: webtoon}, is_archive=True) as site:
        status, _, headers = ask(site.address(900001))
        assert (status, headers["Location"].split("/")[2]) == (302, "20170528204207")
        assert ask(site.url + headers["Location"])[0] == 200
        assert ask(f"{site.url}/webtoon/list.nhn?titleId=900001")[0] == 404
        assert ask(f"{site.url}/robots.txt")[0] == 200


def test_faults_last_as_long_as_asked_and_are_logged(site):
    site.fault("main/robots", faults.answer(503, times=1, Retry_After="2"))
    status, _, headers = ask(f"{site.url}/robots.txt", Referer="http://r/")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert ask(f"{site.url}/robots.txt")[0] == 200
    refused, granted = site.log
    assert (refused.host, refused.method, refused.path) == ("main", "GET", "/robots.txt")
    assert (refused.status, granted.status) == (503, 200)
    assert (refused.referer, granted.referer) == ("http://r/", None)
    assert refused.user_agent == "test/1.0"
    assert refused.started < granted.started
    assert refused.wall_time < granted.wall_time


def test_an_issue_can_be_published_while_it_runs(site):
    site.publish(900001, issue(46))
    assert listed(site, 3)["articleList"][-1]["no"] == 46
    assert ask(f"{site.url}/webtoon/detail?titleId=900001&no=46")[0] == 200


def test_a_taken_port_says_what_to_do(webtoon):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SiteError, match=f"port {port} of 127.0.0.1 is taken; stop what listens there"):
            NaverSite({1: webtoon}, port=port)
        # The pictures' port counts as well, and nothing is left listening.
        with pytest.raises(SiteError, match=f"port {port} "):
            NaverSite({1: webtoon}, port=port - 1)
        socket.create_server(("127.0.0.1", port - 1)).close()


def test_serves_from_the_command_line_until_stopped():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "demo.naver", "--port", str(port), "--issues", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as site:
        assert site.stdout is not None
        assert site.stdout.readline() == f"serving http://127.0.0.1:{port}/webtoon/list?titleId=900001\n"
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert f"port {port} of 127.0.0.1 is taken" in second.stderr
        assert ask(f"http://127.0.0.1:{port}/webtoon/detail?titleId=900001&no=1")[0] == 200
        site.send_signal(signal.SIGTERM)
        assert site.wait(timeout=10) == 0
