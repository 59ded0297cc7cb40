"""Parameters of collecting pages: one class for the Launchpad, the command line and the tests."""

from importlib.metadata import version
from typing import ClassVar

from pydantic import BaseModel, Field

ROBOT = "tintoon"
"""Our name in robots.txt."""


class FetchParams(BaseModel, frozen=True, extra="forbid"):
    """Pauses between requests, limits, retries, budgets, and the licences to collect."""

    code_version: ClassVar[str] = "1"

    spacing_s: float = Field(
        default=1.0,
        ge=0,
        description="Shortest pause between two requests to a host, of all processes of this machine.",
    )
    jitter: float = Field(default=0.5, ge=0, le=1, description="Up to this share of the pause is added at random.")
    retries: int = Field(default=3, ge=0, le=10, description="Further tries after a 429, a 5xx or a broken connection.")
    backoff_s: float = Field(default=2.0, ge=0, description="Pause before the first further try; doubles each time.")
    rate_limit_wait_s: float = Field(default=60.0, ge=0, description="Pause after a 429 without a time.")
    max_wait_s: float = Field(
        default=300.0, gt=0, description="A host that asks for a longer pause is left alone instead."
    )
    timeout_s: float = Field(default=30.0, gt=0, description="Longest silence of a host, in seconds.")
    max_body_s: float = Field(default=120.0, gt=0, description="Longest time that one body may take, in seconds.")
    max_bytes: int = Field(default=64 * 1024 * 1024, gt=0, description="Largest body that is accepted.")
    stop_hours: float = Field(
        default=12.0,
        gt=0,
        le=8784,
        description="A host that refused (401, 403, 429) is left alone for so long, by all runs.",
    )
    budget_hours: float = Field(
        default=24.0,
        gt=0,
        le=8784,
        description="The budgets are for each host in so many hours from the first request on, of all runs together.",
    )
    budget_requests: int | None = Field(
        default=None, ge=1, description="Most requests to a host in budget_hours; empty: no limit. Later runs go on."
    )
    budget_bytes: int | None = Field(
        default=None, ge=1, description="Most bytes of a host in budget_hours; empty: no limit."
    )
    budget_minutes: float | None = Field(
        default=None, gt=0, description="In budget_hours, a host is asked in the first minutes alone; empty: no limit."
    )
    licences: list[str] = Field(
        default=[],
        description="Collect pages under these licences alone, by their names in titles.yaml; empty: under any.",
    )
    contact: str = Field(
        default="", description="A URL or mail address for the hosts' owners, sent with every request."
    )

    @property
    def user_agent(self) -> str:
        """The User-Agent: `tintoon/0.1.0 (+https://...)`."""
        name = f"{ROBOT}/{version('tintoon')}"
        return f"{name} (+{self.contact})" if self.contact else name
