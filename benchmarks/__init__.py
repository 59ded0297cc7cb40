"""Speed, as ratios against named peers and limits that run beside us in the same process.

    python -m benchmarks                      every benchmark, each in a process of its own: `make bench`
    python -m benchmarks near_hashes [--quick]  one of them

A benchmark is a module of this package with `run(quick) -> list[Row]`, named in `suite.py`.
"""
