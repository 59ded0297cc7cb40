"""The costs of a colorizer: parameters, latency and memory.

Names of costs say device and size, so that only like is compared:

    parameters                     of the networks that it holds; 0 for baselines
    latency_<device>_<H>x<W>_ms    wall time of colorizing one picture, median of repeats after a warm-up
    peak_<device>_<H>x<W>_mib      memory at its highest while it colorizes one picture, weights included

A picture is random noise: no layer skips work for what it sees. Its way to and from the device counts. Device is `cpu`
or `cuda`; latencies of two machines do not compare, so an evaluation keeps the name of its machine.

Memory of a GPU is what torch allocated (`torch.cuda.max_memory_allocated`). Memory of a CPU is by how much the resident
set of a fresh process grows from before the colorizer is loaded, sampled every few milliseconds: shorter peaks are
missed, and a picture's own bytes count.
"""

import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

import numpy as np
import psutil
import torch
from torch import nn

from pipelines.colorize.picture import Colorizer
from pipelines.colorize.references import References

LOOK_EVERY_S = 0.002
MIB = 2**20


def measure_cost(
    colorizer: Colorizer,
    sizes: Sequence[tuple[int, int]],
    *,
    references: References | None = None,
    repeats: int = 5,
    warm_ups: int = 1,
) -> dict[str, float]:
    """Costs by name, on the device that the colorizer is on; peak memory only of a GPU.

    Args:
        colorizer: The colorizer to measure.
        sizes: Heights and widths in pixels.
        references: What it is given beside each picture, where it takes references.
        repeats: The median of so many counts.
        warm_ups: So many before them do not count.

    Raises ValueError for fewer than one repeat.
    """
    if repeats < 1 or warm_ups < 0:
        raise ValueError(f"repeats {repeats}, warm_ups {warm_ups}: expected at least 1 and 0")
    device = device_of(colorizer)
    costs: dict[str, float] = {"parameters": parameters_of(colorizer)}
    for height, width in sizes:
        size = f"{device.type}_{height}x{width}"
        picture = _picture(height, width)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        costs[f"latency_{size}_ms"] = _latency_ms(colorizer, picture, references, repeats, warm_ups)
        if device.type == "cuda":
            costs[f"peak_{size}_mib"] = torch.cuda.max_memory_allocated(device) / MIB
    return costs


def cpu_peak_mib(load: Callable[[str], Colorizer], size: tuple[int, int]) -> float:
    """Peak memory in MiB of loading a colorizer and colorizing one picture of a size (H, W), on the CPU.

    In a process of its own: memory that this one has had before, or keeps, would hide what is needed.

    load: from "cpu" to the colorizer on it; a function that another process can be given, such as
        `partial(TrainedColorizer.load, path)`. An error in it is raised here.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_grown_mib, load, size, torch.get_num_threads()).result()


def machine_name() -> str:
    """The machine, within which costs compare: host, cores, and GPU where there is one."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{platform.node()}, {platform.machine()}, {os.cpu_count()} cores, {gpu}"


def parameters_of(colorizer: Colorizer) -> int:
    """The number of parameters of its networks: 0 for a baseline."""
    parameters = {id(one): one.numel() for network in _networks(colorizer) for one in network.parameters()}
    return sum(parameters.values())


def device_of(colorizer: Colorizer) -> torch.device:
    """The device of its networks: the CPU for a baseline."""
    devices = (parameter.device for network in _networks(colorizer) for parameter in network.parameters())
    return next(devices, torch.device("cpu"))


def _networks(colorizer: Colorizer) -> list[nn.Module]:
    return [value for value in vars(colorizer).values() if isinstance(value, nn.Module)]


def _picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)


def _latency_ms(
    colorizer: Colorizer, picture: np.ndarray, references: References | None, repeats: int, warm_ups: int
) -> float:
    for _ in range(warm_ups):
        colorizer.colorize(picture, references=references)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        colorizer.colorize(picture, references=references)  # gives an array of the CPU, so a GPU is waited for
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def _grown_mib(load: Callable[[str], Colorizer], size: tuple[int, int], threads: int) -> float:
    """Runs in the process that `cpu_peak_mib` starts."""
    torch.set_num_threads(threads)
    process = psutil.Process()
    before = highest = process.memory_info().rss
    is_done = threading.Event()

    def look() -> None:
        nonlocal highest
        while not is_done.wait(LOOK_EVERY_S):
            highest = max(highest, process.memory_info().rss)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    load("cpu").colorize(_picture(*size))
    is_done.set()
    looking.join()
    return (max(highest, process.memory_info().rss) - before) / MIB
