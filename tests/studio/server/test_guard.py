"""The guard alone: which requests it lets through, and what it asks a token for. Real servers: test_attacks.py."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from studio.server.guard import SECURITY, Guard

HOST, OWN = "127.0.0.1:3000", "http://127.0.0.1:3000"
TOKEN = "a-token-of-this-test-and-of-nothing-else"
WITH_TOKEN = {"authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    """A status and headers. Of a WebSocket: 101, or 403 where it was closed before it was accepted."""

    status: int
    headers: dict[str, str]


async def answer_inside(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that lets everybody in."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    elif scope["type"] == "http":
        await PlainTextResponse("inside")(scope, receive, send)


def ask(
    guard: Guard, method: str = "GET", path: str = "/", query: str = "", *, kind: str = "http", **headers: str
) -> Answer:
    """One request. Names of headers are written with `_`; `host=""` leaves the Host out."""
    given = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items() if (name, value) != ("host", "")],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if kind == "websocket":
        return Answer(101 if sent[0]["type"] == "websocket.accept" else 403, {})
    return Answer(sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]})


OPEN = Guard(answer_inside, post_only={"/graphql"}, refused=("/gateway",))
CLOSED = Guard(answer_inside, token=TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "127.0.0.1", "localhost:3000", "LocalHost:9000"])
def test_names_of_loopback_are_answered(host):
    assert ask(OPEN, host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.",
            "localhost.evil.example:3000",
        ),
        *("[::1]:3000", "0.0.0.0:3000", "127.0.0.2:3000", "2130706433", "127.1", "127.0.0.1:3000@evil.example"),
        *("127.0.0.1:3000, evil.example", "127.0.0.1:", "127.0.0.1:x", " 127.0.0.1", "evil.example\\@127.0.0.1"),
    ],
)
def test_other_names_are_refused(host):
    assert ask(OPEN, host=host).status == 403


def test_addresses_that_name_another_host_are_refused():
    assert ask(OPEN, path="http://evil.example/graphql").status == 403
    assert ask(OPEN, "OPTIONS", path="*").status == 403


FOREIGN = [
    "http://evil.example",
    "null",
    "http://127.0.0.1:9999",
    "http://127.0.0.1",
    "http://localhost:3000",
    "https://127.0.0.1:3000",
    "http://127.0.0.1:3000.evil.example",
    "http://127.0.0.1:3000/",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_other_origins_are_refused_for_every_method_and_for_websockets(origin):
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert ask(OPEN, method, origin=origin, content_type="application/json").status == 403, method
    assert ask(OPEN, kind="websocket", path="/graphql", origin=origin).status == 403


def test_the_own_origin_is_answered():
    assert ask(OPEN, "POST", "/graphql", origin=OWN, content_type="application/json; charset=utf-8").status == 200
    assert ask(OPEN, kind="websocket", path="/graphql", origin=OWN).status == 101
    assert ask(OPEN, kind="websocket", path="/graphql").status == 403  # every browser names the origin
    # Through a forwarded port the browser's address is another one, of one name in both headers.
    forwarded = {"host": "localhost:8000", "origin": "http://localhost:8000"}
    assert ask(OPEN, "POST", "/graphql", content_type="application/json", **forwarded).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_sites_page_loads_is_refused_but_a_link_opens_a_page(site):
    for dest, mode in (("script", "no-cors"), ("image", "no-cors"), ("iframe", "navigate"), ("empty", "cors")):
        assert ask(OPEN, sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest).status == 403, dest
    link = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert ask(OPEN, **link).status == 200
    assert ask(OPEN, "POST", **link, content_type="application/json").status == 403  # a form
    assert ask(OPEN, path="/graphql", query="query=mutation{x}", **link).status == 405


def test_nothing_is_written_by_get_nor_by_a_forms_body():
    for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT"):
        status = ask(OPEN, method, "/graphql", "query=mutation{x}", x_http_method_override="POST").status
        assert status == 405, method
    assert ask(OPEN, "GET", "/graphql/").status == 405
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert ask(OPEN, "POST", "/graphql", content_type=kind).status == 415, kind
    assert ask(OPEN, "POST", "/graphql", content_type="text/plain; x=application/json").status == 415
    assert ask(OPEN, "POST", "/graphql", "query=mutation{x}").status == 415  # no body, no type
    assert ask(OPEN, "POST", "/gateway/x", content_type="application/json").status == 403


def test_bodies_without_a_length_or_too_long_are_refused():
    assert ask(OPEN, "POST", content_type="application/json", transfer_encoding="chunked").status == 411
    for length in ("16000001", "-1", "1e3", "9" * 5000):
        assert ask(OPEN, "POST", content_type="application/json", content_length=length).status == 413, length
    assert ask(OPEN, "POST", content_type="application/json", content_length="16000000").status == 200


def test_a_server_may_take_other_types_of_bodies():
    page = Guard(answer_inside, body_types=("application/json", "image/", ""))
    assert ask(page, "POST", content_type="image/png").status == 200
    assert ask(page, "POST").status == 200
    assert ask(page, "POST", content_type="text/plain").status == 415


def test_every_answer_has_the_headers_that_keep_other_sites_away():
    for answer in (ask(OPEN), ask(OPEN, host="evil.example"), ask(CLOSED)):
        assert SECURITY.items() <= answer.headers.items()


def test_without_the_token_nothing_is_answered():
    cookie = ask(CLOSED, query=f"token={TOKEN}").headers["set-cookie"].partition(";")[0]
    for wrong in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer t\u00f6ken"},
        {"cookie": f"token={TOKEN}"},
        {"cookie": cookie[:-1]},
        {"cookie": f"{cookie.partition('=')[0]}="},
    ):
        assert ask(CLOSED, **wrong).status == 401
        assert ask(CLOSED, "POST", content_type="application/json", **wrong).status == 401
        assert ask(CLOSED, kind="websocket", origin=OWN, **wrong).status == 403
    assert ask(CLOSED, query="token=wrong").status == 401
    assert ask(CLOSED, "POST", query=f"token={TOKEN}", content_type="application/json").status == 401
    for right in (WITH_TOKEN, {"cookie": cookie}, {"cookie": f"a=b; {cookie}; {cookie[:-1]}"}):
        assert ask(CLOSED, **right).status == 200
        assert ask(CLOSED, "POST", content_type="application/json", **right).status == 200
        assert ask(CLOSED, kind="websocket", origin=OWN, **right).status == 101
        assert ask(CLOSED, "POST", content_type="application/json", origin="null", **right).status == 403


def test_the_token_leaves_the_address_for_a_cookie_that_scripts_and_other_sites_never_get():
    for more in ({}, WITH_TOKEN):
        answer = ask(CLOSED, path="/runs/\u00e9 x", query=f"a=1&token={TOKEN}&b=%26", **more)
        assert (answer.status, answer.headers["location"]) == (303, "/runs/%C3%A9%20x?a=1&b=%26")
        assert answer.headers["cache-control"] == "no-store"
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    for path in ("//evil.example", "/\\evil.example", "///evil.example/x"):
        assert ask(CLOSED, path=path, query=f"token={TOKEN}").headers["location"].startswith("/evil.example")
    assert ask(CLOSED, query=f"token={TOKEN}", host="evil.example").status == 403
