"""Danbooru as a source, against the site and as a set on this machine; never a silent success."""

import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Forbidden, HostStopped, RobotsRefused, Unreachable
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed, TitleUnavailable, Unavailable
from pipelines.issue_pages.sources.danbooru import DanbooruSource
from pipelines.issue_pages.sources.danbooru_dump import DanbooruDumpSource
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import QUICK, asked, picture
from tests.sites import faults
from tests.sites.danbooru import DanbooruSite, SitePost

ISSUE = "000000020-000000029"
KEY = f"set__{ISSUE}"


def small_set(last: int, **changes) -> list[SitePost]:
    return [SitePost(number, picture(number), **changes) for number in range(1, last + 1)]


@pytest.fixture
def serve_posts():
    """Starts sites, and stops them after the test."""
    running: list[DanbooruSite] = []

    def start(posts=None, **options) -> DanbooruSite:
        site = DanbooruSite(posts if posts is not None else small_set(35), **options)
        running.append(site.__enter__())
        return site

    yield start
    for site in running:
        site.__exit__()


def declared(site: DanbooruSite, **wanted) -> dict[str, Title]:
    wanted = {"ids_per_issue": 10, "documented_api": "help:api", **wanted}
    title = Title(
        key="set",
        source="danbooru",
        address=site.url,
        licence="by their artists",
        attribution="a site",
        settings=wanted,
    )
    return {"set": title}


def title_of(site: DanbooruSite, **wanted) -> Title:
    return declared(site, **wanted)["set"]


def sources() -> dict[str, object]:
    return {"danbooru": DanbooruSource(Client(QUICK))}


def statuses(pages) -> dict[int, str]:
    return {page.facts["id"]: page.skip.status if page.skip else "ok" for page in pages}


def images_of(lake, key=KEY) -> list[bytes | None]:
    return [image and image["bytes"] for image in lake.read_table(lake.issue_pages(key))["image"].to_pylist()]


def lists_of(site: DanbooruSite) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(request.path).query) for request in asked(site, "limit=200")]


def test_one_request_tells_the_issues(serve_posts):
    site = serve_posts()
    entries = DanbooruSource(Client(QUICK)).list_issues(title_of(site))
    assert {entry.issue: entry.state for entry in entries} == {
        "000000000-000000009": "free",
        "000000010-000000019": "free",
        "000000020-000000029": "free",
        "000000030-000000039": "growing",
    }
    assert [request.path for request in site.log] == ["/robots.txt", "/posts.json?limit=1&only=id"]


def test_the_whole_set_is_collected_once(serve_posts, lake):
    site = serve_posts()
    titles, all_sources = declared(site), sources()
    synced = sync_titles(titles, all_sources, lake)
    reports = [collect_issue(key, titles, all_sources, lake) for key in synced.keys]
    assert [report.counts for report in reports] == [{"ok": 9}, {"ok": 10}, {"ok": 10}]
    assert images_of(lake) == [site.posts[number].data for number in range(20, 30)]
    row = reports[2].rows[0]
    assert (row.attribution, row.format) == ("somebody (a site)", "jpeg")
    facts = json.loads(row.facts)
    assert (facts["id"], facts["rating"], facts["md5"]) == (20, "general", site.posts[20].listed_md5)
    assert facts["tags"] == {"general": ["1girl", "solo"], "artist": ["somebody"]}
    site.log.clear()
    again = collect_issue(KEY, titles, all_sources, lake)
    assert (again.unchanged, again.fetched, again.not_modified) == (True, 0, 10)
    assert asked(site, "files/") == []  # the list gives digests, which say that nothing changed
    site.publish(SitePost(20, picture(120)))
    assert collect_issue(KEY, titles, all_sources, lake).fetched == 1


def test_without_its_name_the_documented_interface_is_not_asked(serve_posts, lake):
    site = serve_posts()
    title = title_of(site, documented_api=None)
    source = DanbooruSource(Client(QUICK))
    for read in (source.list_issues, lambda title: source.list_pages(title, ISSUE)):
        with pytest.raises(RobotsRefused, match=r"forbids it; set: .*set 'documented_api: help:api' in the title's"):
            read(title)
    assert [request.path for request in site.log] == ["/robots.txt"]


def test_its_use_is_logged_and_holds_for_nothing_else(serve_posts, lake, caplog):
    site = serve_posts()
    collect_issue(KEY, declared(site), sources(), lake)
    (record,) = caplog.records
    assert "robots.txt forbids /posts\\.json; asked all the same, as help:api (https://danbooru" in record.getMessage()
    assert {urlsplit(request.path).path.split("/")[1] for request in site.log} == {
        "robots.txt",
        "posts.json",
        "original",
    }


def test_robots_of_the_files_hold(serve_posts, lake):
    site = serve_posts()
    site.fault("files/robots", faults.text("User-agent: *\nDisallow: /original\n"))
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, declared(site), sources(), lake)
    assert caught.value.report.counts == {"robots_refused": 10}
    assert [request.path for request in site.log if request.host == "files"] == ["/robots.txt"]


def test_robots_that_cannot_be_read_refuse_the_documented_interface_too(serve_posts):
    site = serve_posts()
    site.fault("main/robots", faults.answer(500))
    with pytest.raises(RobotsRefused, match="cannot be honoured"):
        DanbooruSource(Client(QUICK)).list_issues(title_of(site))
    assert asked(site, "posts.json") == []


def test_the_agent_is_honest(serve_posts):
    site = serve_posts()
    DanbooruSource(Client(QUICK)).list_issues(title_of(site))
    assert {request.user_agent for request in site.log} == {"tintoon/0.1.0"}


def test_lists_go_down_by_id_until_the_range_is_read(serve_posts):
    site = serve_posts(small_set(700))
    title = title_of(site, ids_per_issue=500)
    pages = DanbooruSource(Client(QUICK)).list_pages(title, "000000000-000000499")
    assert list(statuses(pages)) == list(range(1, 500))
    assert [query["page"] for query in lists_of(site)] == [["b500"], ["b300"], ["b100"]]  # 1 is the first of all
    assert len(pages[0].facts) > 5


def test_a_short_page_is_not_the_end(serve_posts):
    site = serve_posts()

    def shorter(reply: faults.Reply) -> faults.Reply:
        return replace(reply, body=json.dumps(json.loads(reply.body)[:3]).encode())

    site.fault("main/posts.json.*limit=200", faults.Fault(shorter))
    pages = DanbooruSource(Client(QUICK)).list_pages(title_of(site), ISSUE)
    assert list(statuses(pages)) == list(range(20, 30))
    assert len(lists_of(site)) == 4


@pytest.mark.parametrize(
    "rows", [[{"id": 30}], [{"id": 5}, {"id": 7}], [{"id": 29}], [{"id": 29}, {"id": 29}]], ids=str
)
def test_a_list_that_repeats_itself_is_an_error(serve_posts, rows):
    site = serve_posts()
    site.fault("main/posts.json", faults.text(json.dumps(rows)))
    with pytest.raises(ListingFailed, match="are not in falling order below"):
        DanbooruSource(Client(QUICK)).list_pages(title_of(site), ISSUE)
    assert len(site.log) <= 4


def test_a_list_of_single_posts_ends(serve_posts):
    site = serve_posts(small_set(1100))

    def shorter(reply: faults.Reply) -> faults.Reply:
        return replace(reply, body=json.dumps(json.loads(reply.body)[:1]).encode())

    site.fault("main/posts.json.*limit=200", faults.Fault(shorter))
    with pytest.raises(ListingFailed, match="still not below id 100; the site may have changed"):
        DanbooruSource(Client(QUICK)).list_pages(title_of(site, ids_per_issue=100), "000000100-000000199")
    assert len(lists_of(site)) == 8


def test_why_a_post_is_not_fetched(serve_posts, lake):
    site = serve_posts()
    site.publish(
        replace(site.posts[20], is_banned=True),
        replace(site.posts[21], is_restricted=True),
        replace(site.posts[22], is_deleted=True),
        replace(site.posts[23], extension="zip"),
        replace(site.posts[24], extension="mp4"),
        replace(site.posts[25], rating="s"),
        replace(site.posts[26], rating="e"),
        replace(site.posts[27], tags={"general": "monochrome"}),
        replace(site.posts[28], width_px=30),
    )
    titles = declared(site, only_tags=["1girl"], without_tags=["monochrome"], min_side_px=40)
    report = collect_issue(KEY, titles, sources(), lake)
    assert report.counts == {"hidden": 2, "deleted": 1, "no_picture": 2, "unwanted": 4, "ok": 1}
    assert [row.detail for row in report.rows] == [
        "the artist does not want it shown; it is not shown to everybody",
        "the site gives no address of its file; it is not shown to everybody",
        "the site has deleted it",
        "a .zip file is no picture",
        "a .mp4 file is no picture",
        "rated sensitive; ratings are general",
        "rated explicit; ratings are general",
        "has not the tag 1girl, which only_tags asks for",
        "30 x 60 px, smaller than min_side_px=40",
        None,
    ]
    assert [row.url for row in report.rows[:2]] == [f"{site.url}/posts/20", f"{site.url}/posts/21"]
    assert len(asked(site, "files/original")) == 1


def test_a_post_without_a_known_rating_is_not_wanted(serve_posts):
    site = serve_posts([SitePost(20, picture(20), rating="x"), SitePost(21, picture(21), rating="q"), *small_set(10)])
    pages = DanbooruSource(Client(QUICK)).list_pages(title_of(site, ratings=["general", "questionable"]), ISSUE)
    assert statuses(pages) == {20: "unwanted", 21: "ok"}
    assert pages[0].facts["rating"] == "x"


def test_the_search_is_asked_for_at_most_two_tags(serve_posts):
    site = serve_posts()
    site.publish(replace(site.posts[22], tags={"general": "long_hair solo"}))
    source = DanbooruSource(Client(QUICK))
    assert list(statuses(source.list_pages(title_of(site, tags=["long_hair", "solo"]), ISSUE))) == [22]
    assert lists_of(site)[0]["tags"] == ["long_hair solo"]
    with pytest.raises(IssueUnavailable, match="no post of these ids; see tags") as caught:
        source.list_pages(title_of(site, tags=["nobody"]), ISSUE)
    assert caught.value.state == "empty"


@pytest.mark.parametrize("tags", [["a", "b", "c"], ["a b"], ["order:score"], ["-limit:5"], [""]])
def test_tags_that_no_search_takes(serve_posts, tags):
    with pytest.raises(ValueError, match="tags"):
        DanbooruSource(Client(QUICK)).list_issues(title_of(serve_posts(), tags=tags))


@pytest.mark.parametrize(
    ("status", "message"),
    [(422, "You cannot search for more than 1 tags at a time."), (410, "You cannot go beyond page 1000.")],
)
def test_a_refused_list_says_why(serve_posts, status, message):
    site = serve_posts()
    body = json.dumps({"success": False, "message": message}).encode()
    site.fault("main/posts.json", faults.Fault(lambda _: faults.Reply(status, {}, body)))
    with pytest.raises(ListingFailed, match=f"HTTP {status}, {message}; c"):
        DanbooruSource(Client(QUICK)).list_pages(title_of(site), ISSUE)
    assert len(asked(site, "posts.json")) == 1


def test_the_site_itself_refuses_three_tags_and_deep_pages(serve_posts):
    site = serve_posts()
    assert site.reply("main", "/posts.json?tags=a+b+c", {}).status == 422
    assert site.reply("main", "/posts.json?page=1001", {}).status == 410
    above = json.loads(site.reply("main", "/posts.json?page=a10&limit=2", {}).body)
    assert [row["id"] for row in above] == [12, 11]


@pytest.mark.parametrize(("status", "state"), [(404, "gone"), (451, "gone")])
def test_a_list_that_is_gone(serve_posts, status, state):
    site = serve_posts()
    site.fault("main/posts.json", faults.answer(status))
    with pytest.raises(TitleUnavailable, match=f"HTTP {status}") as caught:
        DanbooruSource(Client(QUICK)).list_issues(title_of(site))
    assert caught.value.state == state


def test_a_challenge_ends_the_host(serve_posts):
    site = serve_posts()
    site.fault("main/posts.json", faults.answer(403, cf_mitigated="challenge"))
    source = DanbooruSource(Client(QUICK))
    with pytest.raises(Forbidden):
        source.list_issues(title_of(site))
    with pytest.raises(HostStopped):
        source.list_pages(title_of(site), ISSUE)
    assert len(asked(site, "posts.json")) == 1


def test_a_statement_that_timed_out_is_asked_again_slowly(serve_posts):
    site = serve_posts()
    site.fault("main/posts.json", faults.answer(500, times=1))
    source = DanbooruSource(Client(QUICK.model_copy(update={"backoff_s": 0.2})))
    assert len(source.list_issues(title_of(site))) == 4
    failed, done = asked(site, "posts.json")
    assert done.started - failed.started >= 0.2
    site.fault("main/posts.json", faults.answer(500))
    with pytest.raises(Unreachable):
        source.list_issues(title_of(site))
    assert len(asked(site, "posts.json")) == 2 + 1 + QUICK.retries


def test_a_list_that_asks_to_wait_is_waited_for(serve_posts):
    site = serve_posts()
    site.fault("main/posts.json", faults.answer(429, times=1))
    assert len(DanbooruSource(Client(QUICK)).list_issues(title_of(site))) == 4


def test_a_gate_that_is_not_known_is_an_error(serve_posts):
    site = serve_posts()
    site.fault("main/posts.json", faults.redirect("/login?url=posts"))
    with pytest.raises(ListingFailed, match=r"HTTP 302, a redirect to .*/login.*, a gate that is not known"):
        DanbooruSource(Client(QUICK)).list_issues(title_of(site))


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.truncated(), "not_a_picture"),
        (faults.html_as_image(), "not_a_picture"),
        (faults.other_body(picture(99)), "wrong_digest"),
        (faults.reset(), "incomplete"),
        (faults.answer(500), "unreachable"),
        (faults.answer(404), "gone"),
        (faults.answer(451), "gone"),
        (faults.redirect("https://example.com/x.jpg"), "redirected"),
    ],
)
def test_a_file_that_fails_is_fetched_again_alone(serve_posts, lake, fault, status):
    site = serve_posts()
    titles, all_sources = declared(site), sources()
    site.fault(f"files{site.posts[24].path('original')}", fault)
    with pytest.raises(PagesFailed, match=f"page 5: {status}: http") as caught:
        collect_issue(KEY, titles, all_sources, lake)
    assert caught.value.report.counts == {"ok": 9, status: 1}
    site.heal()
    site.log.clear()
    assert collect_issue(KEY, titles, all_sources, lake).fetched == 1
    assert images_of(lake) == [site.posts[number].data for number in range(20, 30)]
    assert len(asked(site, "files/original")) == 1


def test_a_file_elsewhere_is_a_failed_page(serve_posts, lake):
    site = serve_posts()
    rows = json.loads(site.reply("main", "/posts.json?page=b30&limit=10", {}).body)
    rows[0]["file_url"] = "http://169.254.169.254/latest/a.jpg"
    rows[1]["file_url"] = "http://["
    site.fault("main/posts.json.*page=b30", faults.text(json.dumps(rows)))
    with pytest.raises(PagesFailed, match="no host of the site") as caught:
        collect_issue(KEY, declared(site), sources(), lake)
    assert caught.value.report.counts == {"ok": 8, "address_refused": 1, "bad_address": 1}


def test_samples_need_not_have_the_digest_of_the_original(serve_posts, lake):
    samples = {number: picture(500 + number) for number in range(20, 30)}
    site = serve_posts([*small_set(19), *(SitePost(n, picture(n), sample=samples.get(n)) for n in range(20, 35))])
    titles, all_sources = declared(site, size="sample"), sources()
    collect_issue(KEY, titles, all_sources, lake)
    assert images_of(lake) == list(samples.values())
    site.log.clear()
    assert collect_issue(KEY, titles, all_sources, lake).not_modified == 10
    assert asked(site, "files/") == []


def test_a_sync_that_breaks_off_loses_nothing(serve_posts, lake):
    site = serve_posts()
    titles, all_sources = declared(site), sources()
    sync_titles(titles, all_sources, lake)
    before = read_catalogue(lake, "set")
    site.fault("main/posts.json", faults.reset())
    assert "set" in sync_titles(titles, all_sources, lake).errors
    broken = read_catalogue(lake, "set")
    assert (broken.state, broken.issues) == ("incomplete", before.issues)
    with pytest.raises(FetchError):
        collect_issue(KEY, titles, all_sources, lake)
    site.heal()
    assert sync_titles(titles, all_sources, lake).new_keys == ()
    assert collect_issue(KEY, titles, all_sources, lake).counts == {"ok": 10}


def test_spacing(serve_posts, lake):
    site = serve_posts()
    client = Client(QUICK.model_copy(update={"spacing_s": 0.03}))
    collect_issue(KEY, declared(site), {"danbooru": DanbooruSource(client)}, lake)
    for host in ("main", "files"):
        log = [request for request in site.log if request.host == host]
        assert log[0].path == "/robots.txt"
        assert len(log) >= 2
        assert all(later.started - earlier.started >= 0.03 for earlier, later in pairwise(log))
        assert all(later.started >= earlier.ended for earlier, later in pairwise(log))


@pytest.mark.parametrize("address", ["http://127.0.0.1/posts/5", "pictures/set", "http://[", "http://h/posts?tags=a"])
def test_a_wrong_address_names_the_right_one(serve_posts, address):
    title = title_of(serve_posts()).model_copy(update={"address": address})
    with pytest.raises(ListingFailed, match=r"expected the site, https://danbooru.donmai.us, with tags in the title's"):
        DanbooruSource(Client(QUICK)).list_issues(title)


@st.composite
def mutated(draw, body: bytes) -> bytes:
    """An answer with bytes changed, cut off, or values exchanged."""
    data = bytearray(body)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        new = draw(
            st.sampled_from([b"", b"null", b"-1", b"[]", b"{}", b'"', b"999999999999999999999", b"\xff", b"http://["])
            | st.binary(max_size=4)
        )
        data[start : start + draw(st.integers(0, 12))] = new
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def test_whatever_the_site_answers_is_understood_or_named(lake):
    with DanbooruSite(small_set(40)) as site:
        titles = declared(site)
        body = site.reply("main", "/posts.json?page=b30&limit=10", {}).body
        hasty = QUICK.model_copy(update={"spacing_s": 0, "max_wait_s": 0.05, "retries": 0})

        @settings(
            max_examples=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(body=mutated(body) | st.just(b"[" * 100_000) | st.binary(max_size=50))
        def answers(body):
            site.heal()
            site.fault("main/posts.json", faults.Fault(lambda reply: replace(reply, body=body), times=2))
            site.log.clear()
            source = DanbooruSource(Client(hasty))
            with suppress(ListingFailed, Unavailable, FetchError):
                source.list_issues(titles["set"])
            with suppress(ListingFailed, Unavailable, FetchError, PagesFailed):
                collect_issue(KEY, titles, {"danbooru": source}, lake)
            assert len(site.log) < 40

        answers()
    root = Path(str(lake.root))
    assert {path.relative_to(root).parts[0] for path in root.rglob("*")} <= {"issue_pages", "catalogue"}
    assert {path.name for path in root.parent.iterdir()} == {root.name}


def test_a_deep_answer_is_an_error(serve_posts):
    site = serve_posts()
    site.fault("main/posts.json", faults.text("[" * 200_000))
    with pytest.raises(ListingFailed, match="not the list that is known"):
        DanbooruSource(Client(QUICK)).list_issues(title_of(site))


# A set on this machine.


def dump_row(number: int, **changes) -> dict[str, object]:
    """A post as the metadata of 2017 write it."""
    row: dict[str, object] = {
        "id": str(number),
        "created_at": "2017-01-01 00:00:00 UTC",
        "md5": "0" * 32,
        "source": "",
        "rating": "s",
        "image_width": "40",
        "image_height": "60",
        "is_deleted": False,
        "is_banned": False,
        "file_ext": "jpg",
        "file_size": "99",
        "parent_id": "0",
        "tags": [
            {"id": "1", "name": "1girl", "category": "0"},
            {"id": "2", "name": "somebody", "category": "1"},
        ],
    }
    return row | changes


@pytest.fixture
def dump(tmp_path):
    """Writes a set: files by their path below it, and metadata."""

    def write(files: dict[str, bytes], rows: list[dict[str, object]], **wanted) -> dict[str, Title]:
        root = tmp_path / "set"
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        metadata = root / "metadata"
        metadata.mkdir(parents=True, exist_ok=True)
        half = len(rows) // 2
        for part, some in enumerate((rows[:half], rows[half:])):
            lines = "".join(json.dumps(row) + "\n" for row in some)
            (metadata / f"2017{part:012}.json").write_text(lines, encoding="utf-8")
        title = Title(
            key="set",
            source="danbooru_dump",
            address=str(root),
            licence="by their artists",
            attribution="a set",
            settings=wanted,
        )
        return {"set": title}

    return write


def dump_sources() -> dict[str, object]:
    return {"danbooru_dump": DanbooruDumpSource(Client(QUICK))}


def test_a_set_is_collected_folder_by_folder(dump, lake):
    data = {number: picture(number) for number in (42, 1042, 12042, 7)}
    files = {f"original/{number % 1000:04}/{number}.jpg": content for number, content in data.items()}
    titles, all_sources = dump(files, [dump_row(number) for number in (12042, 7, 1042, 42)]), dump_sources()
    synced = sync_titles(titles, all_sources, lake)
    assert synced.keys == ("set__0007", "set__0042")
    report = collect_issue("set__0042", titles, all_sources, lake)
    assert images_of(lake, "set__0042") == [data[42], data[1042], data[12042]]
    row = report.rows[1]
    assert (row.name, row.attribution) == ("1042.jpg", "somebody (a set)")
    facts = json.loads(row.facts)
    assert (facts["id"], facts["rating"], facts["width_px"]) == (1042, "safe", 40)
    assert facts["tags"] == {"general": ["1girl"], "artist": ["somebody"]}
    again = collect_issue("set__0042", titles, all_sources, lake)
    assert (again.unchanged, again.fetched, again.not_modified) == (True, 0, 3)


def test_bytes_count_not_names_and_broken_files_have_a_row(dump, lake):
    files = {
        "original/0001/1.jpg": picture(1, "PNG"),
        "original/0001/1001.jpg": picture(2)[:-200],
        "original/0001/2001.png": picture(3),
        "original/0001/3001.jpg": b"<!doctype html><html><body>gone</body></html>",
    }
    titles = dump(files, [dump_row(number) for number in (1, 1001, 2001, 3001)])
    with pytest.raises(PagesFailed, match="page 2: not_a_picture") as caught:
        collect_issue("set__0001", titles, dump_sources(), lake)
    assert [(row.status, row.format) for row in caught.value.report.rows] == [
        ("ok", "png"),
        ("not_a_picture", None),
        ("ok", "jpeg"),
        ("not_a_picture", None),
    ]


def test_why_a_post_of_the_set_is_not_read(dump, lake):
    kinds = ("html", "swf", "zip", "pdf")
    files = {f"original/0001/{number}001.{kind}": b"x" for number, kind in enumerate(kinds, start=1)}
    files |= {f"original/0001/{number}.jpg": picture(number) for number in (5001, 6001, 7001, 8001, 9001, 11001)}
    files |= {"original/0001/notes.jpg": picture(99), "original/0001/.DS_Store": b"x", "original/0001/11001.png": b"x"}
    rows = [dump_row(number * 1000 + 1, file_ext=kind) for number, kind in enumerate(kinds, start=1)] + [
        dump_row(5001, rating="q"),
        dump_row(6001, is_deleted="true"),
        dump_row(7001, is_banned=True),
        dump_row(9001),
        dump_row(10001),
        dump_row(11001),
    ]
    report = collect_issue("set__0001", dump(files, rows), dump_sources(), lake)
    assert {row.name: row.status for row in report.rows} == {
        "1001.html": "no_picture",
        "2001.swf": "no_picture",
        "3001.zip": "no_picture",
        "4001.pdf": "no_picture",
        "5001.jpg": "unwanted",
        "6001.jpg": "deleted",
        "7001.jpg": "hidden",
        "8001.jpg": "hidden",  # the metadata do not have it
        "9001.jpg": "ok",
        "10001.jpg": "no_picture",  # the set does not have it
        "11001.jpg": "ok",
        "11001.png": "hidden",
        "notes.jpg": "no_picture",
    }


def test_s_is_safe_in_older_sets_and_sensitive_in_newer_ones(dump):
    titles = dump(
        {"original/0001/1.jpg": picture(1), "original/0001/1001.jpg": picture(2)},
        [dump_row(1), dump_row(1001, rating="g")],
    )
    source = DanbooruDumpSource(Client(QUICK))
    with pytest.raises(ListingFailed, match=r"post 1001 is rated 'g', which older sets do not have.*scale: newer"):
        source.list_pages(titles["set"], "0001")
    newer = titles["set"].model_copy(update={"settings": {"scale": "newer"}})
    assert statuses(source.list_pages(newer, "0001")) == {1: "unwanted", 1001: "ok"}


def test_the_smaller_copies_and_chosen_folders(dump):
    files = {f"512px/{folder:04}/{folder}.jpg": picture(folder) for folder in (1, 2, 3)}
    titles = dump(files, [dump_row(number, file_ext="png") for number in (1, 2, 3)], size="512px", folders=[2])
    source = DanbooruDumpSource(Client(QUICK))
    assert [entry.issue for entry in source.list_issues(titles["set"])] == ["0002"]
    assert [page.name for page in source.list_pages(titles["set"], "0002")] == ["2.jpg"]
    wrong = titles["set"].model_copy(update={"settings": {"size": "512px", "folders": [7]}})
    with pytest.raises(ListingFailed, match="has no folder 0007; correct folders"):
        source.list_issues(wrong)
    with pytest.raises(ListingFailed, match=r"no folder .*original; expected the folder of a Danbooru2017"):
        source.list_issues(titles["set"].model_copy(update={"settings": {}}))


def test_a_set_without_metadata_is_an_error(dump):
    titles = dump({"original/0001/1.jpg": picture(1)}, [])
    for file in (Path(titles["set"].address) / "metadata").iterdir():
        file.unlink()
    with pytest.raises(ListingFailed, match="without them the rating of a picture is not known"):
        DanbooruDumpSource(Client(QUICK)).list_pages(titles["set"], "0001")


def test_a_folder_that_is_gone_or_empty(dump):
    titles = dump({"original/0001/1.jpg": picture(1), "original/0002/.keep": b""}, [dump_row(1)])
    source = DanbooruDumpSource(Client(QUICK))
    assert {entry.issue: entry.state for entry in source.list_issues(titles["set"])} == {
        "0001": "free",
        "0002": "empty",
    }
    for issue, state in (("0002", "empty"), ("0003", "gone")):
        with pytest.raises(IssueUnavailable) as caught:
            source.list_pages(titles["set"], issue)
        assert caught.value.state == state
    with pytest.raises(ValueError, match="expected the name of a folder"):
        source.list_pages(titles["set"], "../0001")


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=mutated(json.dumps(dump_row(1001)).encode()))
def test_whatever_the_metadata_say_is_understood_or_named(dump, line):
    titles = dump({"original/0001/1.jpg": b"x"}, [dump_row(1)])
    (Path(titles["set"].address) / "metadata" / "more.json").write_bytes(line)
    try:
        pages = DanbooruDumpSource(Client(QUICK)).list_pages(titles["set"], "0001")
    except ListingFailed:
        return
    root = Path(titles["set"].address).as_uri()
    assert all(page.url.startswith(root) for page in pages)
