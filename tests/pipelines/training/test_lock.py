"""One trainer a folder, and no training that outlives its parent: with real processes, really killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.training.lock import only_trainer

PROJECT = Path(__file__).resolve().parents[3]

HOLD = "import sys, time; from pathlib import Path; from pipelines.training.lock import only_trainer\n" + (
    "with only_trainer(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)

ORPHAN = """
import multiprocessing, os, sys, time
from pipelines.training.lock import die_with_parent

def work():
    die_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context(sys.argv[1]).Process(target=work).start()
    time.sleep(60)
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_second_trainer_is_refused_until_the_first_is_killed(tmp_path):
    holder = start("-c", HOLD, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RuntimeError, match=f"being trained by process {holder.pid}"), only_trainer(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_trainer(tmp_path):
        pass


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the process in /proc")
@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])  # data jobs of others; our training job
def test_a_step_process_dies_with_the_run_that_started_it(tmp_path, start_method):
    script = tmp_path / "orphan.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{ORPHAN}")
    run = start(str(script), start_method)
    assert run.stdout is not None
    step = int(run.stdout.readline())
    assert is_alive(step)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 10
    while is_alive(step) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(step)
