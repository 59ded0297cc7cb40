"""Origins of addresses: robots.txt holds for an origin (RFC 9309, section 2.3), slots and budgets for its host."""

from urllib.parse import urlsplit


def origin_of(url: str) -> str | None:
    """Scheme, host and port, in one spelling for each origin; None for anything but an http(s) address."""
    try:
        url.encode()  # a lone surrogate is in no address
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode().rstrip(".")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    name = f"[{host}]" if ":" in host else host
    is_usual = port in (None, {"http": 80, "https": 443}[parts.scheme])
    return f"{parts.scheme}://{name}" + ("" if is_usual else f":{port}")


def host_of(origin: str) -> str:
    """The host of an origin, with its port where that is none of the web's own: one machine, whatever the scheme."""
    parts = urlsplit(origin)
    return parts.netloc.removesuffix(f":{parts.port}") if parts.port in (80, 443) else parts.netloc
