"""Which addresses are asked: those of the title's own site, and nothing inside a private network."""

import pytest
import requests

from pipelines.issue_pages.client.fetch_error import (
    AddressRefused,
    BadAddress,
)
from pipelines.issue_pages.client.site import Site
from pipelines.issue_pages.entry import Fetched
from tests.pipelines.issue_pages.small_site import HERE
from tests.sites import faults


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://host/x", "comic.naver.com/webtoon", "http://", "http://h:x/"]
)
def test_only_http_addresses(client, address):
    with pytest.raises(BadAddress, match="no http"):
        client.get(address, HERE)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://example.org/1.jpg", "example.org is no host of the site comic.example"),
        ("http://evil-comic.example/1.jpg", "no host of the site"),
        ("http://127.0.0.1/1.jpg", "no host of the site"),
        ("http://pictures.example:8080/1.jpg", "port 8080"),
        ("http://name:word@comic.example/1.jpg", "a name or a password"),
    ],
)
def test_only_hosts_of_the_site_are_asked(client, address, why):
    public = Site("https://comic.example/list", owns=("pictures.example",))
    with pytest.raises(AddressRefused, match=why):
        client.get(address, public)
    assert public.refusal("https://a.pictures.example/1.jpg") is None


def test_a_public_site_cannot_send_us_into_a_private_network(client):
    rebound = Site("https://comic.example/list", owns=("localhost",))
    with pytest.raises(AddressRefused, match="inside a private network"):
        client.get("http://localhost/1.jpg", rebound)


@pytest.mark.parametrize(
    "address",
    ["http://\ud800.example/1.jpg", "http://comic.example/\udfff.jpg", f"http://{'a' * 64}.example/", "http://a..b/"],
)
def test_a_host_that_no_network_has_is_a_bad_address(client, address):
    with pytest.raises(BadAddress) as refused:
        client.get(address, HERE)
    str(refused.value).encode()  # it can be written down
    assert isinstance(client.refusal(address, HERE), BadAddress)


@pytest.mark.parametrize(
    "number",
    [
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "ff02::1",
    ],
)
def test_a_private_address_is_private_however_it_is_written(number):
    public = Site("https://comic.example/list", owns=(number,))
    assert "inside a private network" in (public.refusal(f"http://[{number}]/1.jpg") or "")


@pytest.mark.parametrize("number", ["64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::", "2606:4700::1"])
def test_a_public_address_is_public_however_it_is_written(number):
    assert Site("https://comic.example/list", owns=(number,)).refusal(f"http://[{number}]/1.jpg") is None


def test_a_host_is_asked_at_its_own_port_and_the_usual_ones_alone():
    public = Site("https://comic.example/list")
    for port in (22, 8080, 6379):
        assert public.refusal(f"http://comic.example:{port}/") == f"port {port} is no port of the site comic.example"
    assert public.refusal("http://comic.example:80/") is None
    assert public.refusal("https://comic.example:443/") is None
    declared = Site("https://comic.example:8443/list")
    assert declared.refusal("https://comic.example:8443/1.jpg") is None
    assert declared.refusal("https://comic.example/1.jpg") is None
    assert "port 8080" in (declared.refusal("https://comic.example:8080/1.jpg") or "")
    assert Site("http://127.0.0.1:8417/").refusal("http://127.0.0.1:8418/1.jpg") is None  # its hosts are ports


def test_our_own_name_passes_where_that_of_the_library_is_refused(image, site, client):
    address, viewer = image
    site.fault(".", faults.refuse_agent("python-requests"))
    refused = requests.get(viewer, timeout=5)
    assert refused.status_code == 403
    assert client.get(viewer, HERE).status == 200
    assert isinstance(client.picture(address, HERE, referer=viewer), Fetched)
    assert {request.user_agent for request in site.log[1:]} == {"tintoon/0.1.0"}
    assert "python-requests" in site.log[0].user_agent
