"""Prints the statements that tests reach, package by package: `python tests/coverage_by_package.py coverage.json ...`.

Each file is a report of `coverage json`, and one column of the table.
"""

import json
import sys
from collections import Counter
from pathlib import Path


def packages(report: Path) -> tuple[Counter[str], Counter[str]]:
    """Statements, and those that ran, by package of two levels; tests are left out."""
    statements: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for name, file in json.loads(report.read_text())["files"].items():
        if name.startswith("tests/"):
            continue
        parents = Path(name).parts[:-1]
        for package in {"/".join(parents[:2]), parents[0], "all"}:
            statements[package] += file["summary"]["num_statements"]
            reached[package] += file["summary"]["covered_lines"]
    return statements, reached


def main(reports: list[Path]) -> None:
    """Prints the table."""
    columns = [packages(report) for report in reports]
    for package in sorted({package for statements, _ in columns for package in statements}):
        cells = [
            f"{reached[package]:6} of {statements[package]:6} {100 * reached[package] / statements[package]:5.1f}%"
            if statements[package]
            else " " * 23
            for statements, reached in columns
        ]
        print(f"{package:28}", *cells, sep="   ")  # noqa: T201  a program for the terminal


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
