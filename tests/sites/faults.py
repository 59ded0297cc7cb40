"""The ways in which real hosts fail, as changes to the answers of a site on loopback."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from demo.reply import Fault, Reply


def answer(status: int, *, times: int | None = None, **headers: str) -> Fault:
    """A bare status; `Retry_After="2"` becomes the header `Retry-After`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(lambda _: Reply(status, {"Content-Type": "text/plain", **named}, b"fault"), times)


def text(body: str, *, times: int | None = None) -> Fault:
    """Another text, with status 200: a robots.txt, for example."""
    return Fault(lambda _: Reply(200, {"Content-Type": "text/plain"}, body.encode()), times)


def retry_at(status: int, *, seconds: float, times: int | None = None) -> Fault:
    """A status with `Retry-After` as an HTTP date, so many seconds from now."""

    def change(_: Reply) -> Reply:
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        return Reply(status, {"Retry-After": format_datetime(moment, usegmt=True)}, b"fault")

    return Fault(change, times)


def retry_at_epoch(status: int, *, seconds: float, times: int | None = None) -> Fault:
    """A status with `X-RateLimit-Retry-After` in whole seconds since the epoch, as MangaDex has it."""

    def change(_: Reply) -> Reply:
        moment = datetime.now(UTC).timestamp() + seconds
        return Reply(status, {"X-RateLimit-Retry-After": str(int(moment))}, b"fault")

    return Fault(change, times)


def refuse_agent(agent: str) -> Fault:
    """403 for agents with this name: "python-requests", for example."""
    return Fault(lambda _: Reply(403, {"Content-Type": "text/plain"}, b"who are you"), agent=agent)


def redirect(location: str, *, times: int | None = None) -> Fault:
    """A redirect to anywhere."""
    return Fault(lambda _: Reply(302, {"Location": location}), times)


def truncated(*, times: int | None = None) -> Fault:
    """Half of the body, with the length that half has."""
    return Fault(lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]), times)


def short_body(*, times: int | None = None) -> Fault:
    """Half of the body, with the length of the whole."""
    return Fault(lambda reply: replace(reply, send_bytes=len(reply.body) // 2), times)


def reset(*, times: int | None = None) -> Fault:
    """A connection reset in the middle of the body."""
    return Fault(lambda reply: replace(reply, send_bytes=len(reply.body) // 2, reset=True), times)


def empty_body(*, times: int | None = None) -> Fault:
    """0 bytes, with status 200."""
    return Fault(lambda reply: replace(reply, body=b""), times)


def html_as_image(*, times: int | None = None) -> Fault:
    """An HTML page with the Content-Type of a JPEG file."""
    page = b"<!doctype html><html><body>not in your country</body></html>"
    return Fault(lambda _: Reply(200, {"Content-Type": "image/jpeg"}, page), times)


def image_as_html(*, times: int | None = None) -> Fault:
    """The picture, with the Content-Type of HTML."""
    return Fault(lambda reply: replace(reply, headers={**reply.headers, "Content-Type": "text/html"}), times)


def other_body(body: bytes, *, times: int | None = None) -> Fault:
    """Other bytes under the same name and type: a PNG file named .jpg, for example."""
    return Fault(lambda reply: replace(reply, body=body), times)


def other_etag(etag: str, *, times: int | None = None) -> Fault:
    """The same bytes under another ETag."""

    def change(reply: Reply) -> Reply:
        return replace(reply, headers={**reply.headers, "ETag": etag})

    return Fault(change, times)


def slow_body(*, chunk_delay_s: float, times: int | None = None) -> Fault:
    """A pause after every KiB."""
    return Fault(lambda reply: replace(reply, chunk_delay_s=chunk_delay_s), times)
