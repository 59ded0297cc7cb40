"""`tintoon page`: one local page where a person opens a picture, sets hints, sees it colored and rates it.

Bound to loopback and guarded (`guard.py`). No path that a client names is ever opened.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.colorize.hints import Hint
from pipelines.studies.questions import ABOUT_HINTS, MAX_POINTS, QUESTIONS
from pipelines.studies.ratings import Points
from studio.server.guard import JSON, LOOPBACK, Guard
from studio.server.serving import listen, serve
from studio.server.session import FORMATS, MAX_BYTES, MAX_PIXELS, ForgottenError, Session

MAX_JSON_BYTES = 2_000_000
BODY_TYPES = (JSON, "application/octet-stream", "image/", "")
"""Of bodies: JSON, or a picture as a browser or a program names it. None of them is a form's."""
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""Of every answer."""

STATIC = Path(__file__).parents[1] / "static"
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}

Model = TypeVar("Model", bound=BaseModel)


class ColorizeRequest(BaseModel, extra="forbid"):
    """The page's request to color a picture."""

    picture: str
    colorizer: str
    hints: Hint | None = None
    snap: bool = False
    title: str | None = None


class RatingRequest(BaseModel, extra="forbid"):
    """The page's request to store a rating of a result."""

    result: str
    answers: dict[str, Points]
    rater: str


class TooLargeError(ValueError):
    """More bytes than the limit."""


def serve_page(port: int, *, token: str | None, say: Callable[[str], None]) -> None:
    """Serves the page until Ctrl-C; calls `say` with its address when it can be opened. Port 0: any free port.

    `token`: see `Guard`. Raises RuntimeError when the port is taken.
    """
    try:
        listening = listen(port)
    except OSError as error:
        raise RuntimeError(f"port {port} is taken, the page cannot start there; name another with --port") from error
    with listening:
        app = page_app(Session(), token=token)
        listening.listen()
        say(f"http://{LOOPBACK}:{listening.getsockname()[1]}" + (f"/?token={token}" if token else ""))
        serve(app, listening, is_private=token is not None)


def page_app(session: Session, *, token: str | None = None) -> Starlette:
    """The page of a session, behind its guard."""
    lock = asyncio.Lock()  # one colorization at a time: two would only slow each other down

    async def in_session(call: Callable[[], Any]) -> Any:
        async with lock:
            return await run_in_threadpool(call)

    async def start(_: Request) -> Response:
        return JSONResponse(
            {
                "colorizers": [asdict(model_info) for model_info in await in_session(session.models)],
                "questions": [
                    {"key": key, "text": text, "about_hints": key in ABOUT_HINTS} for key, text in QUESTIONS.items()
                ],
                "max_points": MAX_POINTS,
                "formats": FORMATS,
                "max_bytes": MAX_BYTES,
                "max_pixels": MAX_PIXELS,
            }
        )

    async def open_picture(request: Request) -> Response:
        data = await _body(request, MAX_BYTES)
        return JSONResponse({"picture": await in_session(lambda: session.open_picture(data))})

    async def picture(request: Request) -> Response:
        png = await in_session(lambda: session.gray_picture(request.path_params["digest"]))
        return Response(png, media_type="image/png")

    async def read_hints(request: Request) -> Response:
        hint = Hint.from_json(await _body(request, MAX_JSON_BYTES))
        return Response(hint.to_json(), media_type="application/json")

    async def colorize(request: Request) -> Response:
        wanted = await _json(request, ColorizeRequest)
        async with lock:
            if await request.is_disconnected():  # the person has drawn more hints meanwhile
                return Response(status_code=204)
            result, png = await run_in_threadpool(
                lambda: session.colorize(
                    wanted.picture, wanted.colorizer, hint=wanted.hints, snap=wanted.snap, title=wanted.title
                )
            )
        return Response(png, media_type="image/png", headers={"result": result})

    async def rate(request: Request) -> Response:
        given = await _json(request, RatingRequest)
        await in_session(lambda: session.rate(given.result, given.answers, given.rater))
        return JSONResponse({}, status_code=201)

    return Starlette(
        routes=[
            *(Route(address, _file(*file)) for address, file in FILES.items()),
            Route("/start", start),
            Route("/pictures", open_picture, methods=["POST"]),
            Route("/pictures/{digest}", picture),
            Route("/hints", read_hints, methods=["POST"]),
            Route("/colorize", colorize, methods=["POST"]),
            Route("/ratings", rate, methods=["POST"]),
        ],
        middleware=[
            Middleware(Guard, token=token, body_types=BODY_TYPES, max_bytes=MAX_BYTES + MAX_JSON_BYTES, headers=HEADERS)
        ],
        exception_handlers={
            ForgottenError: _problem(404),
            TooLargeError: _problem(413),
            ValueError: _problem(400),  # ValidationError and JSONDecodeError too
            FileNotFoundError: _problem(404),
        },
    )


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response((STATIC / name).read_bytes(), media_type=media_type)

    return answer


def _problem(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_: Request, error: Exception) -> Response:
        if isinstance(error, ValidationError):
            text = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        else:
            text = str(error)
        return JSONResponse({"problem": text}, status)

    return answer


async def _json(request: Request, model: type[Model]) -> Model:
    return model.model_validate_json(await _body(request, MAX_JSON_BYTES))


async def _body(request: Request, limit: int) -> bytes:
    """Reads at most `limit` bytes. Raises TooLargeError."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise TooLargeError(f"More than {limit // 1_000_000} MB, which is the limit.")
    return bytes(data)
