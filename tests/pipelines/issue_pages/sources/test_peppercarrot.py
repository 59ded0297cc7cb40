"""Pepper&Carrot as a source, against the site: lists, editions, files that are rendered anew."""

import json
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.images.decode import decode_picture
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Forbidden, Gone, HostStopped, RobotsRefused
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed, TitleUnavailable
from pipelines.issue_pages.sources.peppercarrot import PepperCarrotSettings, PepperCarrotSource
from pipelines.lake import issue_key
from pipelines.titles import Title
from tests.installation import SHARED
from tests.pipelines.issue_pages.small_site import QUICK, asked, picture
from tests.sites import faults
from tests.sites.peppercarrot import STEM, PepperCarrotSite, SiteEpisode, edition

KEY = "pepper-carrot__ep01"
LISTS = ("/0_sources/episodes-v1.json", "/0_sources/episodes.json")


def episode(number: int, name: str = "Potion-of-Flight", *, pages: int = 3, gifs: set[int] | None = None, **options):
    """An episode of small pictures; `gifs` are pages that move."""
    art = [picture(number * 100 + k, "GIF" if k in (gifs or ()) else "JPEG") for k in range(1, pages + 1)]
    cover, title, credit = (picture(number * 100 + 50 + k) for k in range(3))
    return SiteEpisode(f"ep{number:02}_{name}", cover, title, tuple(art), credit, **options)


@pytest.fixture
def serve():
    running: list[PepperCarrotSite] = []

    def start(*episodes: SiteEpisode, **options) -> PepperCarrotSite:
        site = PepperCarrotSite(episodes or (episode(1),), **options)
        running.append(site.__enter__())
        return site

    yield start
    for site in running:
        site.__exit__()


@pytest.fixture
def pepper(client):
    return PepperCarrotSource(client)


@pytest.fixture
def only(pepper):
    return {"peppercarrot": pepper}


def declared(site: PepperCarrotSite, **options) -> Title:
    return Title(
        key="pepper-carrot",
        source="peppercarrot",
        address=site.url,
        licence="unknown",
        attribution="nobody",
        settings=options,
    )


def images_of(lake, key=KEY) -> list[bytes | None]:
    column = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
    return [image and image["bytes"] for image in column]


def lists_asked(site) -> list[str]:
    return [request.path.rpartition("/")[2] for request in site.log if request.path in LISTS]


def test_issues_are_episodes(serve, pepper):
    site = serve(episode(1), episode(10, "Summer-Special"))
    entries = pepper.list_issues(declared(site))
    assert [(entry.issue, entry.name, entry.state) for entry in entries] == [
        ("ep01", "Potion of Flight", "free"),
        ("ep10", "Summer Special", "free"),
    ]
    assert entries[0].facts == {"folder": "ep01_Potion-of-Flight", "languages": ["en", "kr"]}
    assert [request.path for request in site.log] == ["/robots.txt", "/0_sources/last_updated.txt", LISTS[0]]


def listed(*names: str) -> str:
    return json.dumps([{"name": name, "total_pages": 2, "translated_languages": ["en"]} for name in names])


@pytest.mark.parametrize(
    ("folders", "issues"),
    [
        (["ep01_Potion-of-Flight"], ["ep01"]),
        (["ep01_Potion-of-flight-again"], ["ep01"]),  # a folder that was renamed stays the same issue
        (["ep01_Potion", "ep01_Other"], ["ep01", "ep01-other"]),
        (["ep01"], ["ep01"]),
        (["new-ep01_Potion"], ["new-ep01-potion"]),
        (["ep01x", "Side__Story"], ["ep01x", "side-story"]),
        (["ep01_Potion", "ep01_Potion"], ["ep01"]),
    ],
)
def test_issues_are_stable_and_lead_back_to_their_folders(serve, pepper, folders, issues):
    site = serve()
    site.fault("episodes-v1", faults.text(listed(*folders)))
    entries = pepper.list_issues(declared(site))
    assert [entry.issue for entry in entries] == issues
    for entry in entries:
        issue_key("pepper-carrot", entry.issue)
        if entry.issue.startswith("ep"):
            pages = pepper.list_pages(declared(site), entry.issue) if entry.facts["folder"] != "ep01x" else []
            assert all(f"/{entry.facts['folder']}/" in page.url for page in pages)
    assert [entry.note for entry in entries if entry.note] == (["listed twice"] if folders[1:] == folders[:1] else [])


def test_two_folders_of_one_issue_are_an_error(serve, pepper):
    site = serve()
    site.fault("episodes-v1", faults.text(listed("Side-Story", "side_story")))
    with pytest.raises(ListingFailed, match="Side-Story and side_story are both issue 'side-story'"):
        pepper.list_issues(declared(site))


@pytest.mark.parametrize("has_names", [True, False])
def test_pages_without_text(serve, pepper, has_names):
    site = serve(episode(1, pages=2))
    site.has_names = has_names
    pages = pepper.list_pages(declared(site), "ep01")
    assert [page.page for page in pages] == [1, 2, 3, 4, 5]
    assert [page.url for page in pages] == [
        f"{site.url}/0_sources/ep01_Potion-of-Flight/low-res/gfx-only/gfx_{STEM}_E01{part}.jpg"
        for part in ("", "P00", "P01", "P02", "P03")
    ]
    assert [page.facts["kind"] for page in pages] == ["cover", "title", "page", "page", "credits"]
    assert [page.skip and page.skip.detail for page in pages] == [
        None,
        "a strip with the title: settings.title_strips is false",
        None,
        None,
        "a page of credits: settings.credits is false",
    ]
    assert {(page.licence, page.attribution) for page in pages} == {("CC-BY-4.0", "Pepper&Carrot by David Revoy")}


def test_pages_of_a_language_name_their_translators(serve, pepper):
    site = serve()
    title = declared(site, language="kr", resolution="hi-res", covers=False, title_strips=True, credits=True)
    pages = pepper.list_pages(title, "ep01")
    assert pages[2].url == f"{site.url}/0_sources/ep01_Potion-of-Flight/hi-res/kr_{STEM}_E01P01.jpg"
    assert [page.skip is None for page in pages] == [False, True, True, True, True, True]
    assert "is_guessed" not in pages[2].facts
    attribution = "Pepper&Carrot by David Revoy; Korean translation by Shikamaru, Jihoon Kim"
    assert {page.attribution for page in pages} == {attribution}


def test_translators_that_nobody_names_are_left_out(serve, pepper):
    site = serve()
    site.has_languages = False
    (page, *_) = pepper.list_pages(declared(site, language="kr"), "ep01")
    assert page.attribution == "Pepper&Carrot by David Revoy"


def test_names_that_carry_a_language_lose_it(serve, pepper):
    site = serve()
    row = json.loads(listed("ep01_Potion"))[0]
    row["pages"] = {"2": f"en_{STEM}_E01P02.gif", "cover": f"{STEM}_E01.jpg", "extra": "x.png", "1": f"gfx_{STEM}.jpg"}
    site.fault("episodes-v1", faults.text(json.dumps([row])))
    pages = pepper.list_pages(declared(site, language="en"), "ep01")
    assert [page.name for page in pages] == [
        f"en_{STEM}_E01.jpg",
        f"en_{STEM}.jpg",
        f"en_{STEM}_E01P02.gif",
        "en_x.png",
    ]


def test_an_episode_without_a_translation_is_missing(serve, only, lake):
    site = serve(episode(1), episode(2, "Rainbow-potions", languages=("en",)))
    titles = {"pepper-carrot": declared(site, language="kr")}
    assert sync_titles(titles, only, lake).keys == (KEY,)
    issues = {one.issue: (one.state, one.note) for one in read_catalogue(lake, "pepper-carrot").issues}
    assert issues["ep02"] == ("missing", "not translated into 'kr'")
    with pytest.raises(IssueUnavailable, match=r"not translated into 'kr'; set settings.language") as caught:
        collect_issue("pepper-carrot__ep02", titles, only, lake)
    assert caught.value.state == "gone"
    site.publish(episode(2, "Rainbow-potions"))
    assert sync_titles(titles, only, lake).keys == (KEY, "pepper-carrot__ep02")


def test_a_language_that_is_none_names_those_that_are(serve, pepper):
    with pytest.raises(ListingFailed, match=r"into 'ko'; set settings.language to 'gfx-only' or one of: en, kr"):
        pepper.list_issues(declared(serve(), language="ko"))


@pytest.mark.parametrize("has_names", [True, False])
def test_an_episode_without_pages_is_empty(serve, pepper, has_names):
    site = serve()
    row = {"name": "ep09_The-Remedy", "total_pages": 0, "translated_languages": ["en"]}
    site.fault("episodes-v1", faults.text(json.dumps([{**row, "pages": {}} if has_names else row])))
    (entry,) = pepper.list_issues(declared(site))
    assert entry.state == "empty"
    with pytest.raises(IssueUnavailable, match="without pages") as caught:
        pepper.list_pages(declared(site), "ep09")
    assert caught.value.state == "empty"


def test_an_unknown_issue_is_gone(serve, pepper):
    for issue in ("ep77", "../ep01"):
        with pytest.raises(IssueUnavailable, match="no such episode") as caught:
            pepper.list_pages(declared(serve()), issue)
        assert caught.value.state == "gone"


def test_lists_are_read_again_only_where_something_changed(serve, pepper):
    site = serve()
    title = declared(site)
    for _ in range(3):
        assert len(pepper.list_issues(title)) == 1
        pepper.list_pages(title, "ep01")
    assert len(asked(site, "last_updated")) == 6
    assert lists_asked(site) == ["episodes-v1.json"]
    site.publish(episode(2, "Rainbow-potions"))
    assert [entry.issue for entry in pepper.list_issues(title)] == ["ep01", "ep02"]
    assert lists_asked(site) == ["episodes-v1.json"] * 2
    # Another process knows nothing yet.
    assert len(PepperCarrotSource(Client(QUICK)).list_issues(title)) == 2
    assert len(lists_asked(site)) == 3


def test_editions_do_not_share_a_list(serve, pepper):
    site = serve()
    (lettered, *_) = pepper.list_pages(declared(site, language="en"), "ep01")
    (art, *_) = pepper.list_pages(declared(site), "ep01")
    assert (lettered.attribution != art.attribution, lettered.name[:3], art.name[:3]) == (True, "en_", "gfx")


@pytest.mark.parametrize("written", ["now", "soon", "", "tomorrow", "<html>", "9" * 11])
def test_a_list_that_may_still_change_is_read_again(serve, pepper, written):
    times = {"now": int(time.time()), "tomorrow": int(time.time()) + 86_400}
    site = serve()
    site.fault("last_updated", faults.text(f"{times.get(written, written)}\nsomething"))
    title = declared(site)
    first = pepper.list_issues(title)
    assert pepper.list_issues(title) == first
    # Asked for again, but with its validator: it need not come again.
    assert [request.status for request in site.log if request.path in LISTS] == [200, 304]
    with site._lock:
        site.episodes.append(episode(2, "Rainbow-potions"))  # the same time, another list
    assert len(pepper.list_issues(title)) == 2


@pytest.mark.parametrize("fault", [faults.answer(404), faults.redirect("/en/"), faults.answer(410)])
def test_a_site_that_does_not_tell_updates_is_read_each_time(serve, pepper, fault):
    site = serve()
    site.fault("last_updated", fault)
    for _ in range(2):
        assert len(pepper.list_issues(declared(site))) == 1
    assert lists_asked(site) == ["episodes-v1.json"] * 2


def test_a_listing_that_failed_is_not_remembered(serve, pepper):
    site = serve()
    title = declared(site)
    site.fault("episodes-v1", faults.text("{"))
    with pytest.raises(ListingFailed):
        pepper.list_issues(title)
    site.heal()
    assert len(pepper.list_issues(title)) == 1


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("{}", "the body: Input should be"),
        ("<html>oops</html>", "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
        ('[{"name": "ep01_x"}]', "0.total_pages: Field required"),
        ('[{"name": "../../etc", "total_pages": 1}]', "0.name: String should match"),
        ('[{"name": "ep01_x", "total_pages": 1000000000}]', "0.total_pages: Input should be less"),
    ],
)
def test_a_list_that_is_not_understood_is_an_error(serve, pepper, body, seen):
    site = serve()
    site.fault("episodes-v1", faults.text(body))
    with pytest.raises(ListingFailed, match=seen):
        pepper.list_issues(declared(site))
    assert lists_asked(site) == ["episodes-v1.json"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.jpg", "http://h/x.jpg", "page.html", "", "%2e%2e.jpg"])
def test_a_page_with_another_kind_of_name_is_an_error(serve, pepper, name):
    site = serve()
    row = {**json.loads(listed("ep01_Potion"))[0], "pages": {"1": name}}
    site.fault("episodes-v1", faults.text(json.dumps([row])))
    with pytest.raises(ListingFailed, match=r"page '1' is .*, no name of a picture"):
        pepper.list_pages(declared(site), "ep01")


def test_names_cannot_be_built_without_a_number(serve, pepper):
    site = serve()
    site.fault("episodes-v1", faults.text(listed("Side-Story")))
    with pytest.raises(ListingFailed, match="'Side-Story' has no number"):
        pepper.list_pages(declared(site), "side-story")


def test_a_site_without_lists_is_gone(serve, only, lake):
    site = serve()
    site.has_episodes = False
    assert (
        "neither episodes-v1.json nor episodes.json"
        in sync_titles({"pepper-carrot": declared(site)}, only, lake).errors["pepper-carrot"]
    )
    assert read_catalogue(lake, "pepper-carrot").state == "gone"


def test_an_empty_list_makes_no_issue_gone(serve, only, lake):
    site = serve()
    titles = {"pepper-carrot": declared(site)}
    sync_titles(titles, only, lake)
    site.updated_s += 60
    site.fault("episodes-v1", faults.text("[]"))
    assert "lists no episode" in sync_titles(titles, only, lake).errors["pepper-carrot"]
    assert [issue.state for issue in read_catalogue(lake, "pepper-carrot").issues] == ["free"]


def test_a_site_that_moved_says_where(serve, pepper):
    site = serve()
    site.fault("episodes-v1", faults.redirect("https://example.org/"))
    with pytest.raises(ListingFailed, match=r"a redirect to https://example.org/; correct the address"):
        pepper.list_issues(declared(site))


@pytest.mark.parametrize(
    "address", ["https://www.peppercarrot.com/en/", "peppercarrot.com", "http://[bad", "ftp://h", "http://h/?x"]
)
def test_a_wrong_address_names_the_right_one(serve, pepper, address):
    title = declared(serve()).model_copy(update={"address": address})
    with pytest.raises(ListingFailed, match=r"expected the site, https://www.peppercarrot.com; correct titles.yaml"):
        pepper.list_issues(title)


def test_settings_have_limits():
    assert PepperCarrotSettings().language == "gfx-only"
    for wrong in ({"language": "../x"}, {"language": "EN"}, {"resolution": "4k"}, {"colour": True}):
        with pytest.raises(ValueError, match="validation error"):
            PepperCarrotSettings.model_validate(wrong)


@pytest.mark.parametrize("options", [{}, {"language": "en"}])
@pytest.mark.parametrize("has_names", [True, False])
def test_a_page_that_moves_is_found_under_its_own_name(serve, only, lake, options, has_names):
    site = serve(episode(1, gifs={2}))
    site.has_names = has_names
    titles = {"pepper-carrot": declared(site, **options)}
    report = collect_issue(KEY, titles, only, lake)
    assert [row.format for row in report.rows if row.status == "ok"] == ["jpeg", "jpeg", "gif", "jpeg"]
    assert len([one for one in asked(site, "P02.jpg") if one.status == 404]) == (0 if has_names else 1)
    site.log.clear()
    again = collect_issue(KEY, titles, only, lake)
    assert (again.fetched, again.not_modified, again.unchanged) == (0, 4, True)
    assert {one.status for one in site.log if "low-res" in one.path} == {304}  # the one that it was comes first


def test_art_that_does_not_move_though_its_lettered_page_does_is_found(serve, only, lake):
    site = serve(episode(1, gifs={2}))
    folder = "ep01_Potion-of-Flight/low-res/gfx-only"
    still = picture(5)
    del site.files[f"{folder}/gfx_{STEM}_E01P02.gif"]
    site.render(f"{folder}/gfx_{STEM}_E01P02.jpg", still)
    titles = {"pepper-carrot": declared(site)}
    collect_issue(KEY, titles, only, lake)
    assert images_of(lake)[3] == still
    site.log.clear()
    assert collect_issue(KEY, titles, only, lake).unchanged
    assert {one.status for one in asked(site, "low-res")} == {304}


def test_a_page_under_neither_name_is_gone(serve, only, lake):
    site = serve()
    site.has_names = False
    site.fault("P02", faults.answer(404))
    with pytest.raises(
        PagesFailed, match=r"gone: http.*P02.jpg: HTTP 404 for gfx_.*P02.jpg; HTTP 404 for gfx_.*P02.gif"
    ):
        collect_issue(KEY, {"pepper-carrot": declared(site)}, only, lake)


def test_a_name_that_the_list_tells_is_not_guessed_at(serve, pepper):
    site = serve()
    title = declared(site, language="en")
    page = pepper.list_pages(title, "ep01")[2]
    site.fault("P01", faults.answer(404))
    with pytest.raises(Gone):
        pepper.fetch(title, page, None)
    assert asked(site, ".gif") == []


def test_the_whole_comic_politely_and_a_second_run_brings_nothing(serve, lake):
    episodes = (episode(1), episode(2, "Rainbow-potions", pages=2))
    site = serve(*episodes, robots="User-agent: *\nDisallow: /search/\nDisallow: /*.php\n")
    titles = {"pepper-carrot": declared(site)}
    only = {"peppercarrot": PepperCarrotSource(Client(QUICK.model_copy(update={"spacing_s": 0.02})))}
    synced = sync_titles(titles, only, lake)
    for key, one in zip(synced.keys, episodes, strict=True):
        report = collect_issue(key, titles, only, lake)
        assert report.counts == {"ok": 1 + len(one.pages), "unwanted": 2}
        art = [edition(data, "low-res", "gfx") for data in (one.cover, *one.pages)]
        assert images_of(lake, key) == [art[0], None, *art[1:], None]
        row = report.rows[0]
        assert (row.licence, row.attribution) == ("CC-BY-4.0", "Pepper&Carrot by David Revoy")
        assert json.loads(row.facts)["kind"] == "cover"
    log = sorted(site.log, key=lambda request: request.started)
    assert log[0].path == "/robots.txt"
    assert all(later.started >= earlier.ended + 0.015 for earlier, later in pairwise(log))
    assert all(request.path.startswith(("/robots.txt", "/0_sources/")) for request in log)
    site.log.clear()
    assert sync_titles(titles, only, lake).new_keys == ()
    for key in synced.keys:
        report = collect_issue(key, titles, only, lake)
        assert (report.fetched, report.bytes_fetched, report.unchanged) == (0, 0, True)
    assert [one.path for one in site.log if one.status != 304] == ["/0_sources/last_updated.txt"] * 3


def test_a_file_that_is_rendered_anew_comes_again_alone(serve, only, lake):
    site = serve()
    titles = {"pepper-carrot": declared(site)}
    first = collect_issue(KEY, titles, only, lake)
    anew = picture(77)
    site.render(f"ep01_Potion-of-Flight/low-res/gfx-only/gfx_{STEM}_E01P02.jpg", anew)
    second = collect_issue(KEY, titles, only, lake)
    assert (second.fetched, second.not_modified, second.unchanged) == (1, 3, False)
    assert second.digest != first.digest
    assert images_of(lake)[3] == anew


def test_an_interrupted_sync_loses_nothing_and_doubles_nothing(serve, only, lake):
    site = serve(episode(1), episode(2, "Rainbow-potions"))
    titles = {"pepper-carrot": declared(site)}
    site.fault("episodes-v1", faults.reset())
    assert "broke after" in sync_titles(titles, only, lake).errors["pepper-carrot"]
    site.heal()
    assert len(sync_titles(titles, only, lake).new_keys) == 2
    site.publish(episode(3, "The-secret-ingredients"))
    site.fault("last_updated", faults.reset())
    assert "pepper-carrot" in sync_titles(titles, only, lake).errors
    assert len(read_catalogue(lake, "pepper-carrot").issues) == 2
    site.heal()
    assert sync_titles(titles, only, lake).new_keys == ("pepper-carrot__ep03",)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.reset(), "incomplete"),
        (faults.short_body(), "incomplete"),
        (faults.truncated(), "not_a_picture"),
        (faults.empty_body(), "not_a_picture"),
        (faults.html_as_image(), "not_a_picture"),
        (faults.answer(500), "unreachable"),
        (faults.answer(451), "gone"),
        (faults.redirect("https://example.org/x.jpg"), "redirected"),
    ],
)
def test_only_the_page_that_failed_is_fetched_again(serve, only, lake, fault, status):
    site = serve()
    titles = {"pepper-carrot": declared(site)}
    site.fault("P02", fault)
    with pytest.raises(PagesFailed) as caught:
        collect_issue(KEY, titles, only, lake)
    assert caught.value.report.counts == {"ok": 3, status: 1, "unwanted": 2}
    site.heal()
    assert collect_issue(KEY, titles, only, lake).fetched == 1
    art = site.episodes[0].pages
    assert images_of(lake)[2:5] == [edition(data, "low-res", "gfx") for data in art]


def test_a_refusal_ends_the_host(serve, pepper):
    site = serve()
    title = declared(site)
    pages = pepper.list_pages(title, "ep01")
    site.fault("P01", faults.answer(403))
    with pytest.raises(Forbidden):
        pepper.fetch(title, pages[2], None)
    with pytest.raises(HostStopped):
        pepper.fetch(title, pages[3], None)
    assert len(asked(site, "P01")) == 1


@pytest.mark.parametrize("robots", ["User-agent: *\nDisallow: /\n", "User-agent: tintoon\nDisallow: /0_sources/*.txt"])
def test_robots_are_honoured(serve, pepper, robots):
    site = serve(robots=robots)
    with pytest.raises(RobotsRefused):
        pepper.list_issues(declared(site))
    assert [request.path for request in site.log] == ["/robots.txt"]


def test_refusal_tells_without_asking(serve, pepper):
    site = serve(robots="User-agent: *\nDisallow: /*P01.jpg\n")
    title = declared(site)
    pages = pepper.list_pages(title, "ep01")
    assert isinstance(pepper.refusal(title, pages[2]), RobotsRefused)
    assert pepper.refusal(title, pages[3]) is None
    assert asked(site, "low-res") == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared pictures are not here")
def test_real_pages_come_whole(serve, only, lake):
    folder = SHARED / "data" / "comics" / "pepper-carrot" / "ep01"
    art = tuple(path.read_bytes() for path in sorted(folder.glob("P*.jpg")))
    site = serve(replace(episode(1), pages=art))
    titles = {"pepper-carrot": declared(site)}
    for number, data in enumerate(art, start=1):
        site.render(f"ep01_Potion-of-Flight/low-res/gfx-only/gfx_{STEM}_E01P{number:02}.jpg", data)
    report = collect_issue(KEY, titles, only, lake)
    assert images_of(lake)[2:5] == list(art)
    assert [row.width_px for row in report.rows[2:5]] == [decode_picture(data, name="x").shape[1] for data in art]


NAMED = (ListingFailed, IssueUnavailable, TitleUnavailable, FetchError)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["../x", "a.jpg"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _spoilt(draw, body: bytes) -> bytes:
    """A JSON file with some of its bytes changed, or one of its values."""
    if draw(st.booleans()):
        data = bytearray(body)
        for _ in range(draw(st.integers(1, 4))):
            place = draw(st.integers(0, max(0, len(data) - 1)))
            data[place : place + draw(st.integers(0, 100))] = draw(st.binary(max_size=4))
        return bytes(data)
    value = json.loads(body)
    node = value
    while True:
        key = draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if isinstance(node[key], dict | list) and node[key] and draw(st.booleans()):
            node = node[key]
        elif draw(st.booleans()):
            node[key] = draw(_VALUES)
            return json.dumps(value).encode()
        else:
            del node[key]
            return json.dumps(value).encode()


@pytest.fixture(scope="module")
def fuzzed():
    with PepperCarrotSite([episode(1), episode(2, "Rainbow-potions")]) as site:
        title = declared(site, language="kr")
        source = PepperCarrotSource(Client(QUICK.model_copy(update={"spacing_s": 0})))
        source.list_issues(title)
        bodies = {
            name: site.answer("main", f"/0_sources/{name}", {}).body for name in ("episodes-v1.json", "langs.json")
        }
        yield site, title, source, bodies


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_spoilt_answers_are_errors_with_a_name(fuzzed, data):
    site, title, source, bodies = fuzzed
    site.heal()
    site.updated_s += 60
    name = data.draw(st.sampled_from(sorted(bodies)))
    site.fault(name, faults.other_body(data.draw(_spoilt(bodies[name]))))
    if data.draw(st.booleans()):
        site.fault("last_updated", faults.other_body(data.draw(st.binary(max_size=20))))
    site.log.clear()
    with suppress(*NAMED):
        for entry in source.list_issues(title):
            issue_key("pepper-carrot", entry.issue)
            with suppress(*NAMED):
                for page in source.list_pages(title, entry.issue):
                    assert page.url.startswith(f"{site.url}/0_sources/")
                    assert ".." not in page.url.removeprefix(site.url).split("/")
                    assert "/" not in page.name
    assert len(site.log) < 30
