"""The guard in front of every page that Tintoon serves: the page for artists, Dagster's and MLflow's.

It stands inside the server, so no port is left beside it. Against pages of other sites in the same browser: only names
of loopback are answered (DNS rebinding), nothing is read or written for another origin (fetch metadata, W3C; RFC 6454),
nothing is written by GET, a body has a type that no form can send, WebSockets are checked as well, and no other site
may frame an answer. Against other users of the machine: a token, as Jupyter has one (and `peer.py`).
"""

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
JSON = "application/json"

_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.IGNORECASE)
_READING, _WRITING = ("GET", "HEAD"), ("POST", "PUT", "PATCH", "DELETE")
_COOKIE_S = 30 * 24 * 3600

SECURITY = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}
"""Headers of every answer."""


@dataclass(frozen=True)
class Refusal:
    """An answer in place of the application's: its status, and a sentence for a person."""

    status: int
    problem: str


class Guard:
    """Lets requests of an application's own pages and of programs through, and refuses all others.

    Every refusal is JSON, `{"problem": "..."}`: 403 for another host's name or another site's page, 401 without the
    token, 405 for a method, 411 and 413 for a body without a length or too long, 415 for its type.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None = None,
        body_types: Iterable[str] = (JSON,),
        max_bytes: int = 16_000_000,
        post_only: Iterable[str] = (),
        refused: Iterable[str] = (),
        headers: Mapping[str, str] = {},  # never changed
    ) -> None:
        """
        Args:
            app: The application, ASGI.
            token: Who has it may come in: by `?token=` once, which gives a cookie, or by `Authorization: Bearer`. None:
                every user of this machine may.
            body_types: Media types of bodies, or their beginnings up to the slash; "" lets a body without a type in.
            max_bytes: A longer body is refused.
            post_only: Paths that answer POST (and WebSockets) alone.
            refused: Beginnings of paths that nobody may ask for.
            headers: Of every answer, beside those of SECURITY.
        """
        self._app = app
        self._token = token
        self._cookie = f"tintoon-{sha256(token.encode()).hexdigest()[:8]}" if token else ""
        self._body_types = tuple(body_types)
        self._max_bytes = max_bytes
        self._post_only = frozenset(post_only)
        self._refused = tuple(refused)
        self._headers = {**SECURITY, **headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it; every answer gets the headers of SECURITY."""
        if scope["type"] not in ("http", "websocket"):  # the application's own start and end
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.problem})
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        if refusal is None or refusal.status == 401:
            answer = self._welcome(scope) or (_refused(refusal) if refusal else self._app)
        else:
            answer = _refused(refusal)
        await answer(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> Refusal | None:
        """The reason not to pass a request on."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not _OWN_HOST.fullmatch(hosts[0]):
            return Refusal(403, "This address answers under 127.0.0.1 and localhost only.")
        if not scope["path"].startswith("/"):  # an address with another host in it, or `*`
            return Refusal(403, "This request names no path of this address.")
        is_socket = scope["type"] == "websocket"
        if self._is_of_another_site(scope, headers, host=hosts[0].lower()):
            return Refusal(403, "Another site's page may not ask this.")
        if self._token and not self._has_token(headers):
            return Refusal(401, "This address needs its token: open it as `tintoon` printed it, with ?token=...")
        path = scope["path"].rstrip("/")
        if path.startswith(self._refused):
            return Refusal(403, "This is switched off here.")
        if is_socket:
            return None
        method = scope["method"]
        if method not in (*_READING, *_WRITING) or (path in self._post_only and method != "POST"):
            return Refusal(405, f"{method} is not answered here.")
        return None if method in _READING else self._refusal_of_body(method, headers)

    def _is_of_another_site(self, scope: Scope, headers: Headers, *, host: str) -> bool:
        """True for a request that a browser sends on behalf of another origin; another port is another origin.

        A link from elsewhere may open a page (nothing that a GET answers changes anything), and nothing more. A
        browser names the origin of every WebSocket, and nothing else here opens one.
        """
        origins = headers.getlist("origin")
        if any(origin.lower() != f"http://{host}" for origin in origins):
            return True
        if scope["type"] == "websocket":
            return not origins
        if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return False
        opens_a_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return scope["method"] != "GET" or not opens_a_page

    def _refusal_of_body(self, method: str, headers: Headers) -> Refusal | None:
        """The reason not to take a body. Its type is one that a browser asks about first (a preflight): a form's three
        types are sent without asking (Fetch standard, CORS-safelisted request-headers).
        """
        if "transfer-encoding" in headers:
            return Refusal(411, "A body without its length is not taken.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15 or int(length) > self._max_bytes:
            return Refusal(413, f"More than {self._max_bytes // 1_000_000} MB, which is the limit.")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        known = any(kind == one or (one.endswith("/") and kind.startswith(one)) for one in self._body_types)
        if method != "DELETE" and not known:
            return Refusal(415, f"A body of the type {kind or '(none)'!r} is not taken; send {self._body_types[0]}.")
        return None

    def _has_token(self, headers: Headers) -> bool:
        # All of that name: a server at another port of this host may have set one more.
        cookies = [part.strip().partition("=") for line in headers.getlist("cookie") for part in line.split(";")]
        given = [value for name, _, value in cookies if name == self._cookie]
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            given.append(value.strip())
        return any(self._is_token(one) for one in given)

    def _is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def _welcome(self, scope: Scope) -> Response | None:
        """The answer to a page that is opened with the right token: a cookie, and the same address without the token.

        None for any other request. The cookie is for all ports of this host name, as cookies are. The token leaves the
        address, and so the browser's history, also where the cookie is there already.
        """
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = next((value for name, value in query if name == "token" and self._is_token(value)), None)
        if scope["method"] != "GET" or token is None:
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # One slash at its beginning: two would begin the name of another host.
        place = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{rest}" if rest else "")
        answer = RedirectResponse(place, 303, {"cache-control": "no-store"})
        answer.set_cookie(self._cookie, token, max_age=_COOKIE_S, httponly=True, samesite="strict")
        return answer


def _refused(refusal: Refusal) -> Response:
    headers = {"cache-control": "no-store"}
    if refusal.status in (411, 413):
        headers["connection"] = "close"  # its body is not read
    return JSONResponse({"problem": refusal.problem}, refusal.status, headers)
