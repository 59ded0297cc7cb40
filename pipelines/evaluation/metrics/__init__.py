"""The metrics of the benchmark: one module a family."""
