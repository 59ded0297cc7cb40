"""What all processes share of a host: turns, stops and budgets."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import (
    BudgetSpent,
    Forbidden,
    HostStopped,
    RateLimited,
    RobotsRefused,
)
from pipelines.issue_pages.client.host_slots import HostSlots
from pipelines.issue_pages.client.site import Site
from pipelines.issue_pages.entry import Fetched
from tests.pipelines.issue_pages.small_site import HERE, QUICK, VIEWER
from tests.sites import faults


def test_threads_share_one_spaced_connection_a_host(site):
    client = Client(QUICK.model_copy(update={"spacing_s": 0.05, "jitter": 0.5}))
    threads = [threading.Thread(target=client.get, args=(site.url + VIEWER, HERE)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = sorted(site.log, key=lambda request: request.started)
    assert len(log) == 6
    assert all(later.started >= earlier.ended for earlier, later in pairwise(log))
    gaps_s = [later.started - earlier.started for earlier, later in pairwise(log)]
    assert min(gaps_s) >= 0.05
    assert max(gaps_s) - min(gaps_s) > 0.001  # jitter


@pytest.mark.parametrize(
    ("budget", "asked_before"), [({"budget_requests": 2}, 2), ({"budget_bytes": 10}, 1), ({"budget_minutes": 1e-9}, 1)]
)
def test_a_run_asks_no_more_than_its_budget(site, budget, asked_before):
    client = Client(QUICK.model_copy(update=budget))
    for _ in range(max(0, asked_before - 1)):  # robots.txt is the first that is asked for
        client.get(site.url + VIEWER, HERE)
    with pytest.raises(BudgetSpent, match=f"{next(iter(budget))} .* is used up; run again"):
        client.get(site.url + VIEWER, HERE)
    assert len(site.log) == asked_before


def later(hours: float, **update) -> Client:
    """The client of another process, some hours later."""
    return Client(QUICK.model_copy(update=update), clock=lambda: time.time() + hours * 3600)


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_holds_for_other_processes_until_its_hours_are_over(image, site, status):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(status))
    with pytest.raises((Forbidden, RateLimited)):
        Client(QUICK).picture(address, HERE, referer=viewer)
    site.heal()
    site.log.clear()
    for hours in (0, 11.9):
        with pytest.raises(HostStopped, match=f"HTTP {status}"):
            later(hours).picture(address, HERE, referer=viewer)
        assert isinstance(later(hours).refusal(address, HERE), HostStopped)
    assert site.log == []
    assert isinstance(later(12.1).picture(address, HERE, referer=viewer), Fetched)


def test_a_person_can_lift_a_stop_as_the_error_says(image, site, client):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(403, times=1))
    with pytest.raises(Forbidden):
        client.picture(address, HERE, referer=viewer)
    with pytest.raises(HostStopped) as stopped:
        client.picture(address, HERE, referer=viewer)
    command = re.search(r"lift the stop: (rm .*)", str(stopped.value))
    assert command
    subprocess.run(shlex.split(command[1]), check=True)
    assert isinstance(client.picture(address, HERE, referer=viewer), Fetched)


def test_a_host_that_names_its_time_is_asked_again_then(image, site):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(429, Retry_After="3600"))
    with pytest.raises(RateLimited):
        Client(QUICK).picture(address, HERE, referer=viewer)
    site.heal()
    with pytest.raises(HostStopped):
        later(0.9).picture(address, HERE, referer=viewer)
    assert isinstance(later(1.1).picture(address, HERE, referer=viewer), Fetched)


@pytest.mark.parametrize("wait", ["9" * 30, "99999999999"])
def test_a_host_that_asks_for_ever_is_asked_again_after_a_month(image, site, wait):
    address, viewer = image
    site.fault("images/webtoon", faults.answer(429, Retry_After=wait))
    with pytest.raises(RateLimited):
        Client(QUICK).picture(address, HERE, referer=viewer)
    site.heal()
    with pytest.raises(HostStopped):
        later(29 * 24).picture(address, HERE, referer=viewer)
    assert isinstance(later(31 * 24).picture(address, HERE, referer=viewer), Fetched)


def test_a_stop_is_of_the_host_whatever_the_scheme(tmp_path, client):
    with HostSlots().at("comic.example") as slot:
        slot.stop(time.time() + 60, "http://comic.example/1: HTTP 403")
    public = Site("https://comic.example/list")
    for address in ("https://comic.example/1", "https://COMIC.example:443/1", "http://comic.example/1"):
        assert isinstance(client.refusal(address, public), HostStopped)
    other_port = Site("https://comic.example:8443/list")
    assert isinstance(client.refusal("https://comic.example:8443/1", other_port), RobotsRefused)  # tried, not stopped


@pytest.mark.parametrize("written", [b"", b"1764150000.5", b"\xff\n", b'{"next_at": "soon"}', b'{"next_at": 1'])
def test_unreadable_record_of_a_host_is_a_new_one(tmp_path, written):
    slots = HostSlots(tmp_path)
    with slots.at("comic.example") as slot:
        slot.ask_again_at(5)
    slot.path.write_bytes(written)
    with slots.at("comic.example") as slot:
        assert slot.record.next_at == 0
        slot.stop(7, "HTTP 403")
        slot.stop(8, "no")
    with slots.at("comic.example") as slot:
        assert (slot.record.stopped_until, slot.record.stopped_by) == (8, "no")


def test_record_removed_while_another_waits_is_made_anew(tmp_path):
    slots = HostSlots(tmp_path)
    waited: list[Path] = []

    def wait() -> None:
        with slots.at("comic.example") as slot:
            slot.ask_again_at(9)
            waited.append(slot.path)

    with slots.at("comic.example") as slot:
        waiting = threading.Thread(target=wait)
        waiting.start()
        slot.ask_again_at(5)
        time.sleep(0.05)
        slot.path.unlink()
    waiting.join(10)
    assert waited[0].exists()
    with slots.at("comic.example") as slot:
        assert slot.record.next_at == 9


@pytest.mark.parametrize("budget", [{"budget_requests": 4}, {"budget_bytes": 3000}, {"budget_minutes": 30}])
def test_budgets_are_of_a_host_and_of_all_processes(image, site, budget):
    address, viewer = image
    for file in Path(tempfile.gettempdir()).rglob("127.0.0.1*.json"):
        file.unlink()  # what the fixture has spent
    came = []
    with suppress(BudgetSpent):
        for number in range(10):
            came.append(later(number / 4, **budget).picture(address, HERE, referer=viewer))
    assert 1 <= len(came) <= 3
    seen = r"of this host is used up; run again after .* UTC: it goes on from here; to go on now: rm /"
    with pytest.raises(BudgetSpent, match=seen):
        later(2.5, **budget).picture(address, HERE, referer=viewer)
    later(2.5, **budget).get(viewer, HERE)  # another host
    assert isinstance(later(24.1, **budget).picture(address, HERE, referer=viewer), Fetched)


def test_processes_take_turns_at_a_host(site, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pipelines.issue_pages.client.client import Client; "
        "from pipelines.issue_pages.params import FetchParams; from pipelines.issue_pages.client.site import Site; "
        "from pipelines.issue_pages.client.host_slots import HostSlots\n"
        "client = Client(FetchParams(spacing_s=0.1, jitter=0), slots=HostSlots(Path(sys.argv[2])))\n"
        "for _ in range(3): client.get(sys.argv[1], Site('http://127.0.0.1'))"
    )
    command = [sys.executable, "-c", code, site.url + VIEWER, str(tmp_path)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    log = sorted(site.log, key=lambda request: request.started)
    assert len(log) == 8
    assert all(later.started >= earlier.ended + 0.09 for earlier, later in pairwise(log))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder another user's")
@pytest.mark.parametrize("place", [".", "turns"])
def test_another_users_folder_among_the_temporary_files_is_refused(place):
    ours = Path(tempfile.gettempdir()) / f"tintoon-{os.getuid()}"
    (ours / "turns").mkdir(parents=True)
    os.chown(ours / place, 65_533, 65_533)
    with pytest.raises(RuntimeError, match="no folder of this user; set TMPDIR"), HostSlots().at("comic.example"):
        pass


def test_a_link_among_the_temporary_files_is_refused(tmp_path):
    ours = Path(tempfile.gettempdir()) / f"tintoon-{os.getuid()}"
    ours.symlink_to(tmp_path)
    with pytest.raises(RuntimeError, match="no folder of this user; set TMPDIR"), HostSlots().at("comic.example"):
        pass
