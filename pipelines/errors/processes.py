"""Whether a process of this machine still runs: by its number and its start, for numbers are used again."""

_CLOCK_S = 2
"""The clock of the machine may have been set since: then the start differs by little, in whole seconds."""


def start_of(process: int) -> float:
    """The time at which a process started, in seconds since 1970. Raises psutil.NoSuchProcess."""
    import psutil

    return psutil.Process(process).create_time()


def is_alive(process: int, start: float) -> bool:
    """True where the process of this number that started then still runs, or where that cannot be told."""
    import psutil  # takes a moment, and every command imports this module

    try:
        return abs(int(start_of(process)) - int(start)) <= _CLOCK_S
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
