"""The benchmark of unchanged issues: many a run leave the same data versions as a run each."""

from benchmarks.unchanged_runs import a_run_each, installation, many_a_run, versions


def test_both_ways_leave_the_same_versions() -> None:
    with installation(2) as (instance, keys):
        before = versions(instance, keys)
        many_a_run(instance, keys)
        a_run_each(instance, keys[:1])
        assert versions(instance, keys) == before
