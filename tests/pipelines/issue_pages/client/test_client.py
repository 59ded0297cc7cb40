"""The polite client, against the real server: what it asks, how often, and what it says when it is refused."""

import socket
import threading

import pytest

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import (
    BudgetSpent,
    FetchError,
    Forbidden,
    HostStopped,
    NotAPicture,
    Redirected,
    TooLarge,
)
from pipelines.issue_pages.entry import Fetched, NotModified
from tests.pipelines.issue_pages.small_site import HERE, QUICK, VIEWER, asked, picture
from tests.sites import faults


def test_pictures_need_a_referer_and_a_refusal_ends_the_host(image, site, client):
    address, viewer = image
    with pytest.raises(Forbidden, match="HTTP 403"):
        client.picture(address, HERE)
    with pytest.raises(HostStopped, match=r"not asked before .* UTC, because of http.*HTTP 403; run again then, or"):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1


def test_validators_bring_not_modified(image, site, client):
    address, viewer = image
    came = client.picture(address, HERE, referer=viewer)
    assert isinstance(came, Fetched)
    assert came.picture.format == "jpeg"
    assert (came.picture.width_px, came.picture.height_px) == (40, 60)
    assert client.picture(address, HERE, referer=viewer, etag=came.etag) == NotModified()
    assert client.picture(address, HERE, referer=viewer, last_modified=came.last_modified) == NotModified()
    assert isinstance(
        client.picture(address, HERE, referer=viewer, etag='"other"', last_modified=came.last_modified), Fetched
    )


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (faults.truncated(), r"no whole picture \(\d+ bytes\)"),
        (faults.html_as_image(), r"an HTML page, and no picture \(Content-Type: image/jpeg\); open"),
        (faults.empty_body(), "0 bytes"),
        (faults.other_body(b'{"message": "no"}'), r"jpg: no whole picture \(17 bytes\): JSON, and no picture"),
    ],
)
def test_what_is_no_whole_picture_is_refused(image, site, client, fault, seen):
    address, viewer = image
    site.fault("images/webtoon", fault)
    with pytest.raises(NotAPicture, match=seen):
        client.picture(address, HERE, referer=viewer)
    assert len(asked(site, "images/webtoon")) == 1


@pytest.mark.parametrize(
    ("fault", "form"),
    [(faults.image_as_html(), "jpeg"), (faults.other_body(picture(1, "PNG")), "png")],
)
def test_bytes_count_not_names(image, site, client, fault, form):
    address, viewer = image
    site.fault("images/webtoon", fault)
    assert client.picture(address, HERE, referer=viewer).picture.format == form


def test_a_body_too_large_or_too_slow_is_broken_off(image, site):
    address, viewer = image
    small = Client(QUICK.model_copy(update={"max_bytes": 1000}))
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        small.picture(address, HERE, referer=viewer)
    site.fault("images/webtoon", faults.slow_body(chunk_delay_s=0.2))
    impatient = Client(QUICK.model_copy(update={"max_body_s": 0.3}))
    with pytest.raises(TooLarge, match=r"bytes after 0.3 s"):
        impatient.picture(address, HERE, referer=viewer)


def test_redirects_are_shown_not_followed(site, client):
    answer = client.get(site.url + "/webtoon/detail?titleId=900001&no=77", HERE)
    assert answer.status == 302
    assert answer.location == site.address(900001)
    assert asked(site, "/webtoon/list") == []


def test_pictures_follow_redirects_within_their_site_only(image, site, client):
    address, viewer = image
    site.fault("images/moved", faults.redirect(address, times=1))
    assert isinstance(client.picture(site.images_url + "/moved", HERE, referer=viewer), Fetched)
    site.fault("images/away", faults.redirect(address.replace("127.0.0.1", "localhost")))
    with pytest.raises(Redirected, match=r"localhost is no host of the site 127\.0\.0\.1; pages are taken from"):
        client.picture(site.images_url + "/away", HERE, referer=viewer)
    site.fault("images/round", faults.redirect("/round"))
    with pytest.raises(Redirected, match="more than 5 redirects"):
        client.picture(site.images_url + "/round", HERE, referer=viewer)


def test_the_body_of_a_redirect_is_limited_and_counted(site):
    body = b"x" * 200_000
    site.fault("main/moved", faults.Fault(lambda _: faults.Reply(302, {"Location": "/elsewhere"}, body)))
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        Client(QUICK.model_copy(update={"max_bytes": 1000})).get(site.url + "/moved", HERE)
    counting = Client(QUICK.model_copy(update={"budget_bytes": len(body)}))
    counting.get(site.url + "/moved", HERE)
    with pytest.raises(BudgetSpent, match="budget_bytes"):
        counting.get(site.url + "/moved", HERE)


def test_bodies_that_break_off_cost_their_bytes(image, site):
    address, viewer = image
    site.fault("images/webtoon", faults.short_body())
    counting = Client(QUICK.model_copy(update={"budget_bytes": 2_000}))
    with pytest.raises(FetchError):
        counting.picture(address, HERE, referer=viewer)
    with pytest.raises(BudgetSpent, match="budget_bytes"):
        counting.picture(address, HERE, referer=viewer)


def test_a_referer_that_no_header_can_hold_is_a_named_failure(image, client):
    with pytest.raises(FetchError, match="cannot be read"):
        client.picture(image[0], HERE, referer="http://127.0.0.1/웹툰")


@pytest.mark.parametrize("place", ["http://[bad", "http://h:x/", "mailto:a@b.c"])
def test_a_redirect_to_no_address_is_a_named_failure(image, site, client, place):
    site.fault("images/nowhere", faults.redirect(place))
    with pytest.raises(FetchError, match=r"/nowhere: .*(cannot be read|no http|no address)"):
        client.picture(site.images_url + "/nowhere", HERE, referer=image[1])


def test_no_cookie_is_kept(site, client):
    site.fault("main/webtoon", faults.answer(200, Set_Cookie="NID_AUT=1; Path=/"))
    client.get(site.url + VIEWER, HERE)
    assert len(client._session.cookies) == 0


def test_a_validator_that_no_header_can_hold_is_not_sent(image, site, client):
    address, viewer = image
    assert isinstance(client.picture(address, HERE, referer=viewer, etag='"a\r\n b"'), Fetched)
    assert not asked(site, "images/webtoon")[0].is_conditional


def test_neither_cookies_nor_passwords_are_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    heads: list[bytes] = []

    def answer(listening: socket.socket) -> None:
        for _ in range(3):  # robots.txt, and two pages
            with listening.accept()[0] as client:
                heads.append(client.recv(65_536))
                client.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        client = Client(QUICK)
        for number in (1, 2):
            client.get(f"http://127.0.0.1:{listening.getsockname()[1]}/{number}", HERE)
        thread.join(10)
    assert len(heads) == 3
    assert not [head for head in heads if b"cookie" in head.lower() or b"authorization" in head.lower()]
