"""The layout: imports go one way, without circles; each folder has a docstring; the definitions load light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "pipelines", "assets", "studio", "demo")

FORBIDDEN = {
    "models": {"assets", "pipelines", "studio", "demo", "dagster", "mlflow", "cv2", "pandas", "lightning"},
    "pipelines": {"assets", "studio", "demo", "dagster", "mlflow"},
    "assets": {"studio", "demo"},
    "demo": {"assets", "studio", "models", "dagster", "mlflow"},
}

ROOMS_OF_PIPELINES = [
    *("errors", "memory", "yaml", "progress", "params", "lake", "pairs", "images"),
    *("panels", "titles", "terms", "issue_pages"),
    *("copies", "unique_panels", "issue_splits", "variants", "previews", "training_set"),
    *("books", "training", "colorize", "evaluation", "comparison", "studies", "drop"),
    "__main__",
]
"""The rooms in their order: each imports from those before it only."""

MAX_TOP_MODULES = 12
HEAVY = {"torch", "mlflow", "lightning", "pandas", "cv2", "scipy"}
SLOW = {"numpy", "pyarrow", "upath", "fsspec", "sqlalchemy", "requests", "psutil", "safetensors"}
"""What each step process would load, in a tenth of a second or less each; Dagster itself imports none of them."""


def sources(package: str) -> list[Path]:
    found = sorted((PROJECT / package).rglob("*.py"))
    assert found
    return found


def imports(file: Path) -> Iterator[str]:
    """The modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def room(module: str) -> str:
    """The folder or loose module directly below a package, e.g. `pipelines.training`."""
    return ".".join(module.split(".")[:2])


def arrows(package: str) -> dict[str, set[str]]:
    """The rooms of a package that each of its rooms imports from."""
    found: dict[str, set[str]] = {}
    for file in sources(package):
        here = room(".".join(file.relative_to(PROJECT).with_suffix("").parts))
        targets = {room(module) for module in imports(file) if module.startswith(f"{package}.")}
        found.setdefault(here, set()).update(targets - {here})
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package):
    wrong = {
        str(file.relative_to(PROJECT)): {name.partition(".")[0] for name in imports(file)} & FORBIDDEN[package]
        for file in sources(package)
    }
    assert not {name: modules for name, modules in wrong.items() if modules}


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_each_other_without_circles(package):
    try:
        TopologicalSorter(arrows(package)).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_the_rooms_of_pipelines_import_from_earlier_ones_only():
    found = {name.removeprefix("pipelines."): targets for name, targets in arrows("pipelines").items()}
    found.pop("__init__")
    assert set(found) == set(ROOMS_OF_PIPELINES)
    back = {
        name: later
        for name, targets in found.items()
        if (
            later := {
                t for t in targets if ROOMS_OF_PIPELINES.index(t.partition(".")[2]) > ROOMS_OF_PIPELINES.index(name)
            }
        )
    }
    assert not back


def test_few_modules_lie_loose_in_pipelines():
    loose = [file.name for file in (PROJECT / "pipelines").glob("*.py") if file.name != "__init__.py"]
    assert len(loose) <= MAX_TOP_MODULES, loose


def test_assets_only_wires():
    """Every module of `assets/` but `home.py`, which reads the environment, talks to Dagster or MLflow."""
    wiring = ("dagster", "mlflow", "assets.tracking")
    idle = [
        str(file.relative_to(PROJECT))
        for file in sources("assets")
        if file.name not in ("home.py", "__init__.py")
        and file.parent.name != "tracking"
        and not any(module == name or module.startswith(f"{name}.") for module in imports(file) for name in wiring)
    ]
    assert not idle


def test_only_assets_reads_the_environment():
    readers = [
        file.relative_to(PROJECT)
        for package in ("models", "pipelines", "demo")
        for file in sources(package)
        if re.search(r"\b(environ|getenv)\b", file.read_text(encoding="utf-8"))
    ]
    assert not readers


def test_every_package_has_a_docstring():
    """Each package's `__init__.py` has a docstring."""
    folders = {file.parent for package in PACKAGES for file in sources(package)}
    silent = [
        str(folder.relative_to(PROJECT))
        for folder in sorted(folders)
        if not (file := folder / "__init__.py").exists() or not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert not silent


def test_loading_the_definitions_imports_nothing_heavy():
    code = f"import assets.definitions, sys; print(sorted({HEAVY | SLOW!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("studio.cli.app", HEAVY | SLOW | {"dagster"}),
        ("studio.colorize", HEAVY - {"cv2"} | {"dagster", "sqlalchemy", "py7zr", "bs4"}),
    ],
)
def test_a_command_starts_without_what_it_may_not_need(module, absent):
    code = f"import {module}, sys; print(sorted({absent!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_loading_the_definitions_touches_no_file(tmp_path):
    code = "import os; os.environ['TINTOON_HOME'] = 'home'; import assets.definitions"
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r}); {code}"],
        cwd=tmp_path,
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
