"""The direction of imports: studio -> assets -> pipelines -> models, and what loading the definitions costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

FORBIDDEN = {
    "models": {"assets", "pipelines", "studio", "demo", "dagster", "mlflow", "cv2", "pandas", "lightning"},
    "pipelines": {"assets", "studio", "demo", "dagster", "mlflow"},
    "assets": {"studio", "demo"},
    "demo": {"assets", "studio", "models", "dagster", "mlflow"},
}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package):
    files = sorted((PROJECT / package).rglob("*.py"))
    assert files
    wrong = {str(file.relative_to(PROJECT)): imported(file) & FORBIDDEN[package] for file in files}
    assert not {name: modules for name, modules in wrong.items() if modules}


def test_only_assets_reads_the_environment():
    readers = [
        file.relative_to(PROJECT)
        for package in ("models", "pipelines", "demo")
        for file in (PROJECT / package).rglob("*.py")
        if re.search(r"\b(environ|getenv)\b", file.read_text(encoding="utf-8"))
    ]
    assert not readers


def test_loading_the_definitions_imports_neither_torch_nor_mlflow():
    code = "import assets.definitions, sys; print(sorted({'torch', 'mlflow', 'lightning'} & set(sys.modules)))"
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
