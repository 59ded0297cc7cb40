"""The guard of the page: refuses requests under another host's name (DNS rebinding), and writing requests from another
site's page.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
NAMES = {LOOPBACK, "localhost"}

SECURITY = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """Lets requests of this page through, and refuses those that another site makes the browser send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it; every answer gets the headers of SECURITY."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        app = self._app
        if host.rpartition(":")[0] not in NAMES and host not in NAMES:
            app = JSONResponse({"problem": "This page answers under 127.0.0.1 and localhost only."}, 403)
        elif scope["method"] not in ("GET", "HEAD") and headers.get("origin", f"http://{host}") != f"http://{host}":
            app = JSONResponse({"problem": "Another site's page may not ask this."}, 403)
        await app(scope, receive, send_safely)
