"""The pause that a host asks for in the headers of its answer."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_FIRST_EPOCH = 1e9  # a greater number is a moment since the epoch, not seconds to wait (31 years)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the header `Retry-After` (RFC 9110, section 10.2.3) or one that some sites send in its place.

    Its value is a number of seconds, a date or a moment since the epoch; None without a readable one.

    A moment counts from the answer's own `Date`, so that a clock that is wrong does no harm.
    """
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    for name in ("Retry-After", "X-RateLimit-Retry-After", "X-RateLimit-Reset"):
        value = headers.get(name, "").strip()
        moment = _http_date(value)
        if value.isascii() and value.isdecimal() and math.isfinite(seconds := float(value)):
            return seconds if seconds < _FIRST_EPOCH else max(0.0, seconds - now.timestamp())
        if moment is not None:
            return max(0.0, (moment - now).total_seconds())
    return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
