"""Takes all real pictures and all odd inputs through the command line, and writes what was taken, refused and why.

    python -m tests.intake ../shared FOLDER [--every-page]

Reads `data/` and `cases/` of the first folder. Each comic, each set of pictures and each output of a generator is
declared as a title, in a home of its own below FOLDER, and goes through `tintoon sync`, `run issue_pages panels`,
`cut`, `hash` and `colorize`. Writes FOLDER/intake.md. Of a title of `data/`, the last three get the first
issue, or with --every-page all of them: that takes an hour. Run again, it collects and cuts only what is missing.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.issue_pages.catalogue import read_catalogue
from pipelines.lake import Lake
from tests.installation import PROJECT

_FILES_A_CALL = 200
_LICENCE = {"licence": "see LICENSE.txt", "attribution": "see LICENSE.txt"}


@dataclass(frozen=True)
class Input:
    """One title: where its files are, and how it is declared."""

    title: str
    folder: Path
    source: str = "folder"
    is_flat: bool = False

    @property
    def declaration(self) -> dict[str, object]:
        """The title's entry in titles.yaml."""
        settings = {"settings": {"flat": True, "issues": 1}} if self.is_flat else {}
        return {"source": self.source, "address": str(self.folder), **_LICENCE, **settings}

    def parts(self, *, is_every_page: bool) -> list[Path]:
        """What is given to the commands on single pictures and books: archives, folders of issues, or one folder."""
        if self.source == "archive":
            return sorted(self.folder.glob("*.cbz"))
        if self.is_flat:
            return [self.folder]
        return _in(self.folder)[: None if is_every_page else 1]


def real_inputs(data: Path) -> Iterator[Input]:
    """The titles of `data/`."""
    for folder in sorted((data / "comics").iterdir()):
        yield Input(folder.name, folder)
    for folder in sorted((data / "extras").iterdir()):
        yield Input(folder.name, folder)
    for kind in ("line", "color"):
        yield Input(f"openmoji-{kind}", data / "pairs" / "openmoji" / kind, is_flat=True)
    yield Input("bigbuckbunny", data / "video", source="video")


def odd_inputs(cases: Path, made: Path) -> Iterator[Input]:
    """The outputs of the generators in `cases/`, made below a folder."""
    for generator in sorted(cases.glob("*.py")):
        name = generator.stem
        if name == "draw":
            continue
        target = made / name
        if not target.exists():
            subprocess.run([sys.executable, "-B", generator, target], cwd=cases, check=True)
        if name == "renumbered":
            yield Input("renumbered", target / "saga")
        elif name == "strip_widths":
            for folder in sorted(target.iterdir()):
                yield Input(f"strip-{folder.name}", folder)
        elif name == "cbz_odd":
            yield Input("cbz-odd", target, source="archive")
        elif name == "colorize_batch":
            yield Input("batch-files", target, is_flat=True)
            yield from (Input(f"batch-{folder.name.replace('_', '-')}", folder, is_flat=True) for folder in _in(target))
        else:
            yield Input(name.replace("_", "-"), target, is_flat=True)


def _in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


@dataclass(frozen=True)
class Answer:
    """The end of one command."""

    code: int
    said: list[str]

    @property
    def is_raw(self) -> bool:
        """True where it ended in a traceback."""
        return any("Traceback (most recent call last)" in line for line in self.said)


def tintoon(out: Path, *arguments: str | Path) -> Answer:
    """Runs one command over the home below `out`."""
    environment = {**os.environ, "TINTOON_HOME": str(out / "home"), "TINTOON_TITLES": str(out / "titles.yaml")}
    command = [Path(sys.executable).with_name("tintoon"), *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, errors="replace")
    return Answer(done.returncode, [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()])


def single_pictures(out: Path, command: str, parts: list[Path]) -> str:
    """`cut` or `hash` of many files: how many were taken, and what was said of the others."""
    files = sorted(path for part in parts for path in (part.rglob("*") if part.is_dir() else [part]) if path.is_file())
    files = [path for path in files if path.suffix != ".txt"]
    taken, said, raw = 0, Counter[str](), ""
    for start in range(0, len(files), _FILES_A_CALL):
        answer = tintoon(out, command, "--json", *files[start : start + _FILES_A_CALL])
        for line in answer.said:
            if line.startswith("{"):
                taken += len(json.loads(line))
            else:
                said[_reason(line, files)] += 1
        raw = raw or (" TRACEBACK" if answer.is_raw else "")
    refused = "".join(f"<br>{count} x {reason}" for reason, count in said.items())
    return f"{taken} of {len(files)}{raw}{refused}"


def _reason(line: str, files: list[Path]) -> str:
    """A message without the path of its file."""
    for file in files:
        line = line.replace(f"{file}: ", "")
    return _cell(line)


def _cell(text: str) -> str:
    """A text that a Markdown table can hold."""
    return text.replace("|", "\\|")[:240]


def collected(lake: Lake, title: str) -> tuple[str, str, str]:
    """Issues by state, pages by status, panels by outcome; each with the reasons given."""
    catalogue = read_catalogue(lake, title)
    states = Counter(issue.state for issue in catalogue.issues)
    notes = [f"{issue.name}: {issue.note}" for issue in catalogue.issues if issue.state != "free" and issue.note]
    detail = [catalogue.detail] if catalogue.detail else []
    issues = _counts(states, catalogue.state, [*detail, *notes])
    keys = [key for key in lake.keys_with("issue_pages") if key.split("__")[0] == title]
    pages, page_notes = Counter[str](), []
    for key in keys:
        for row in lake.read_table(lake.issue_pages(key), ["name", "status", "detail"]).to_pylist():
            pages[row["status"]] += 1
            if row["status"] != "ok":
                page_notes.append(f"{row['name']}: {row['detail']}")
    panels = Counter[str]()
    for key in keys:
        if lake.panels(key).exists():
            rows = lake.read_table(lake.panels(key), ["drop_reason", "is_gray"]).to_pylist()
            panels.update(row["drop_reason"] or ("gray" if row["is_gray"] else "passing") for row in rows)
    return issues, _counts(pages, "none", page_notes), _counts(panels, "none", [])


def _counts(counts: Counter[str], none: str, notes: list[str]) -> str:
    found = ", ".join(f"{count} {name}" for name, count in counts.most_common()) or none
    shown = [_cell(note) for note in notes[:12]]
    more = [f"and {len(notes) - len(shown)} more"] if len(notes) > len(shown) else []
    return "<br>".join([found, *shown, *more])


def colored(out: Path, given: Input, parts: list[Path]) -> str:
    """`colorize` of archives and folders, one by one."""
    lines = []
    for part in parts:
        target = out / "colored" / given.title / part.name
        target.parent.mkdir(parents=True, exist_ok=True)
        answer = tintoon(out, "colorize", part, target)
        said = [line for line in answer.said if line != str(target)]
        raw = " TRACEBACK" if answer.is_raw else ""
        shown = "; ".join(_cell(line.replace(f"{part}/", "").replace(f"{target}", "OUT")) for line in said[:12])
        lines.append(f"{part.name}: exit {answer.code}{raw}; {shown}")
    return "<br>".join(lines)


def main(shared: Path, out: Path, *, is_every_page: bool) -> None:
    """Writes the table."""
    out.mkdir(parents=True, exist_ok=True)
    given = [*real_inputs(shared / "data"), *odd_inputs(shared / "cases", out / "made")]
    titles = {"titles": {one.title: one.declaration for one in given}}
    (out / "titles.yaml").write_text(yaml.safe_dump(titles, sort_keys=False))
    synced = tintoon(out, "sync")
    ran = tintoon(out, "run", "issue_pages", "panels")
    lake = Lake.at(out / "home" / "lake")

    def row(one: Input) -> list[str]:
        cells = [f"{one.title} ({one.source})", *collected(lake, one.title)]
        if one.source == "video":
            return [*cells, *["no pictures"] * 3]
        parts = one.parts(is_every_page=is_every_page)
        singles = [single_pictures(out, command, parts) for command in ("cut", "hash")]
        return [*cells, *singles, colored(out, one, parts)]

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        rows = list(workers.map(row, given))
    header = ["input", "issues (`sync`)", "pages (`run issue_pages`)", "panels (`run panels`)", "`cut`", "`hash`"]
    table = [[*header, "`colorize`"], ["---"] * 7, *rows]
    said = [f"`tintoon {name}`: exit {answer.code}" for name, answer in (("sync", synced), ("run", ran))]
    text = ["# Intake", "", *said, "", *("| " + " | ".join(row) + " |" for row in table)]
    (out / "intake.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every-page", action="store_true")
    arguments = parser.parse_args()
    main(arguments.shared.resolve(), arguments.out.resolve(), is_every_page=arguments.every_page)
