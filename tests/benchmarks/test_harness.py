"""The harness: parts take turns, ratios and targets are what they say, results are kept by commit."""

import ast
import json
import subprocess
import sys
import time

import pytest

from benchmarks import scaling
from benchmarks.curve import Curve
from benchmarks.results import keep, kept, plot, result_of
from benchmarks.rounds import Times, in_turns
from benchmarks.row import Row, check_equal, row_of_times, seconds
from benchmarks.suite import BENCHMARKS, run_benchmark
from tests.installation import PROJECT


def _row(name: str = "one", ratio: float = 2.0, target: float | None = 1.5, **more) -> Row:
    return Row(name=name, ours="1 s", peer="peer 1 s", ratio=ratio, spread=None, target=target, **more)


def test_parts_take_turns_and_the_first_round_does_not_count():
    order: list[str] = []
    times = in_turns({"peer": lambda: order.append("peer"), "ours": lambda: order.append("ours")}, rounds=3)
    assert order == ["peer", "ours"] * 4
    assert {len(one.cpu) for one in times.values()} == {len(one.wall) for one in times.values()} == {3}


def test_cpu_time_counts_work_and_child_processes_but_no_waiting():
    child = [sys.executable, "-c", "sum(range(3_000_000))"]
    times = in_turns(
        {"sleeps": lambda: time.sleep(0.05), "child": lambda: subprocess.run(child, check=True)}, rounds=1, warm_up=0
    )
    assert times["sleeps"].wall_s >= 0.05 > times["sleeps"].cpu_s
    assert times["child"].cpu_s > 0.01


def test_a_ratio_is_the_median_of_the_rounds():
    times = {"ours": Times((2.0, 4.0, 90.0), (1.0,) * 3), "peer": Times((1.0, 1.0, 10.0), (2.0,) * 3)}
    lower = row_of_times("row", times, ours="ours", peer="peer", target=4.0)
    assert (lower.ratio, lower.spread, lower.reached) == (4.0, (2.0, 9.0), True)
    higher = row_of_times("row", times, ours="ours", peer="peer", target=4.0, better="higher", clock="wall")
    assert (higher.ratio, higher.reached) == (2.0, False)


def test_a_row_without_a_target_is_neither_reached_nor_short():
    assert _row(target=None).reached is None
    assert _row().reached is False
    assert _row(better="higher").reached is True


def test_other_outputs_do_not_count():
    check_equal([1, 2], [1, 2], "pairs")
    with pytest.raises(AssertionError, match="pairs: our output is not the peer's"):
        check_equal([1, 2], [1, 3], "pairs")


@pytest.mark.parametrize(("value", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4e-5, "40 us"), (3e-8, "0.03 us")])
def test_seconds_have_the_unit_that_fits(value, text):
    assert seconds(value) == text


def test_results_are_kept_by_commit_and_drawn(tmp_path):
    rows = [_row().to_json(), _row("fact", target=None).to_json(), _row("zero", ratio=0.5, better="higher").to_json()]
    result = result_of(rows, seconds=3.2)
    assert keep(result, tmp_path) == keep(result, tmp_path)
    keep({**result, "commit": "0" * 40, "committed": "2020-01-01T00:00:00+00:00", "rows": rows[:1]}, tmp_path)
    first, last = kept(tmp_path)
    assert first["commit"] == "0" * 40
    assert [row["name"] for row in last["rows"]] == ["one", "fact", "zero"]
    assert last["rows"][0] | {"ratio": 2.0, "target": 1.5, "reached": False} == last["rows"][0]
    assert last["cores"] >= 1
    assert "torch" in last["versions"]
    plot(tmp_path)
    assert (tmp_path / "ratios.png").stat().st_size > 1000


def test_a_curve_finds_its_exponent_where_fixed_costs_do_not_rule():
    points = [(size, 5 + 3e-4 * size**1.5) for size in (1, 10)] + [(size, 3e-4 * size**1.5) for size in (1e3, 1e4, 1e5)]
    curve = Curve(name="pairs", size="hashes", cost="CPU seconds", points=points, fitted_from=1000)
    assert curve.exponent == pytest.approx(1.5)
    assert curve.at(1e6) == pytest.approx(3e5)


def test_every_benchmark_and_every_curve_is_listed():
    modules = {path.stem: path.read_text("utf-8") for path in (PROJECT / "benchmarks").glob("*.py")}
    functions = {
        name: {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
        for name, text in modules.items()
    }
    assert {name for name, found in functions.items() if "run" in found} == set(BENCHMARKS)
    assert {name for name, found in functions.items() if "curves" in found} == set(scaling.CURVES.values())
    with pytest.raises(ValueError, match="no benchmark 'nothing'; there are:"):
        run_benchmark("nothing", quick=True)


def test_the_kept_results_can_be_read():
    for result in kept():
        assert result["rows"], result["commit"]
        assert {"name", "ratio", "target", "reached"} <= set(result["rows"][0])
    for curves in scaling.kept().values():
        assert all(isinstance(one.exponent, float) for one in curves)


def test_an_unknown_name_is_a_usage_error():
    ended = subprocess.run([sys.executable, "-m", "benchmarks", "nothing"], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "no benchmark 'nothing'" in ended.stderr


def test_rows_are_json():
    assert json.loads(json.dumps(_row().to_json()))["reached"] is False
