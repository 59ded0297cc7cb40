"""Reads YAML files that people wrote; errors name the file and the line."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml

_Parsed = TypeVar("_Parsed")


def read_yaml(path: Path, parse: Callable[[str], _Parsed], error_type: type[Exception]) -> _Parsed:
    """The result of `parse` (yaml.safe_load, yaml.compose, ...) for the file.

    Raises `error_type` where the file is no UTF-8 text or no YAML, OSError when there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise error_type(f"{path}: no UTF-8 text: {error}") from None
    try:
        return parse(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise error_type(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise error_type(f"{path}:{line}: not valid YAML: {error.reason}") from None
