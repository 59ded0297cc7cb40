"""A webtoon of tiny pictures, its declaration, and a client that need not wait long on loopback."""

import io

from PIL import Image

from demo.draw import DrawnIssue, Webtoon
from demo.naver import NaverSite
from demo.server import Request
from demo.server import Site as ServedSite
from pipelines.issue_pages.client.site import Site
from pipelines.issue_pages.params import FetchParams
from pipelines.titles import Title

TITLE_ID = 900001
HERE = Site("http://127.0.0.1")
VIEWER = f"/webtoon/detail?titleId={TITLE_ID}&no=1"
QUICK = FetchParams(
    spacing_s=0.005, jitter=0.5, retries=2, backoff_s=0.01, rate_limit_wait_s=0.02, max_wait_s=3.0, timeout_s=5.0
)


def picture(number: int, form: str = "JPEG") -> bytes:
    """A picture of 40 x 60 px whose bytes no other number has; noisy, so that half of the file is not all of it."""
    noise = Image.effect_noise((40, 60), 80).convert("RGB")
    noise.paste((number % 256, number // 256 % 256, 120), (0, 0, 20, 20))
    buffer = io.BytesIO()
    noise.save(buffer, form, quality=95)
    return buffer.getvalue()


def drawn_issue(number: int, *, slices: int = 3) -> DrawnIssue:
    """An issue of small slices."""
    return DrawnIssue(number, f"{number}화", tuple(picture(number * 100 + k) for k in range(slices)), ())


def small_webtoon(issues: int, *, slices: int = 3) -> Webtoon:
    """A webtoon of small slices."""
    numbered = tuple(drawn_issue(number, slices=slices) for number in range(1, issues + 1))
    return Webtoon("작은 하루", "아무개", "…", numbered)


def declared(site: NaverSite) -> dict[str, Title]:
    """The site's title, as titles.yaml would declare it."""
    address = site.address(TITLE_ID)
    title = Title(key="days", source="naver", address=address, licence="CC0-1.0", attribution="Drawn by Tintoon")
    return {title.key: title}


def asked(site: ServedSite, part: str) -> list[Request]:
    """The requests of the site's log whose host and path contain a part."""
    return [request for request in site.log if part in request.host + request.path]
