"""Reads YAML files that people wrote: the only reader. Each error names the file and the line.

A file is checked before anything is made of it, event by event, which costs time by its length alone: no key is given
twice, nothing is nested deeply, and aliases do not multiply (the "billion laughs").
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 30
MAX_NODES = 200_000
"""Keys and values of one file, with every alias written out."""

_CONSTRUCT_ERRORS = (yaml.YAMLError, ValueError, AttributeError, TypeError, ArithmeticError, LookupError)


def read_yaml(path: Path, error_type: type[Exception]) -> Any:
    """The values of a file, None of an empty one.

    Raises `error_type` where the file cannot be read, is no UTF-8 text or no YAML; FileNotFoundError where there is
    no such file.
    """
    node = read_nodes(path, error_type)
    return None if node is None else values_of(path, node, error_type)


def read_nodes(path: Path, error_type: type[Exception]) -> yaml.Node | None:
    """The nodes of a file, which know their lines, with merges (`<<`) carried out. Raises as `read_yaml`."""
    text = _text(path, error_type)
    try:
        _check(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except _Refused as error:
        raise error_type(f"{path}:{error.line}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise error_type(f"{path}:{line}: not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise error_type(f"{path}:{line}: not valid YAML: {error.reason}") from None
    except ValueError as error:  # a version or an escape that is no number that Python takes
        raise error_type(f"{path}:1: not valid YAML: {error}") from None
    for inner in _nodes(node):
        if isinstance(inner, yaml.MappingNode):
            try:
                yaml.SafeLoader("").flatten_mapping(inner)
            except yaml.YAMLError as error:
                _fail(path, inner, error_type, "", error)
    return node


def values_of(path: Path, node: yaml.Node, error_type: type[Exception], *, place: str = "") -> Any:
    """The values of a node. A value that looks like a number or a date need not be one: 2024-13-45.

    `place` goes into the error, before what was wrong. Raises `error_type`.
    """
    try:
        return yaml.SafeLoader("").construct_document(node)
    except _CONSTRUCT_ERRORS as error:
        _fail(path, next(_culprits(node), node), error_type, place, error)


def _text(path: Path, error_type: type[Exception]) -> str:
    try:
        if path.exists() and not path.is_file():
            raise error_type(f"{path}: no file; put a YAML file there, or remove it")
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise error_type(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    if len(data) > MAX_BYTES:
        raise error_type(f"{path}: more than {MAX_BYTES} bytes; divide it, or remove what is no setting")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise error_type(f"{path}:{line}: no UTF-8 text ({error.reason}); save it as UTF-8") from None


class _Refused(Exception):
    """What YAML allows, and no file for people needs."""

    def __init__(self, event: yaml.Event, problem: str):
        super().__init__(problem)
        self.line = event.start_mark.line + 1 if event.start_mark else 1


@dataclass
class _Open:
    """A list or mapping of which the end has not come."""

    start: yaml.CollectionStartEvent
    place: str
    nodes: int = 1
    awaits_key: bool = True
    key: str = ""
    keys: set[str] = field(default_factory=set)

    @property
    def inner_place(self) -> str:
        """The place of the value that is being read: "titles.pepper-carrot.address"."""
        return ".".join(filter(None, [self.place, self.key]))


def _check(text: str) -> None:
    """Raises _Refused, or PyYAML's own errors."""
    open_ones: list[_Open] = []
    sizes: dict[str | None, int] = {}  # of what an alias may stand for
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        within = open_ones[-1] if open_ones else None
        if isinstance(event, yaml.NodeEvent) and within is not None:
            _check_key(event, within)
        nodes = 0
        if isinstance(event, yaml.AliasEvent):
            if any(opened.start.anchor == event.anchor for opened in open_ones):
                raise _Refused(event, f"*{event.anchor} stands for what it is a part of; write the values out")
            nodes = sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor] = nodes = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_ones) >= MAX_DEPTH:
                raise _Refused(event, f"nested more than {MAX_DEPTH} deep; write it flatter")
            open_ones.append(_Open(event, within.inner_place if within else ""))
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = open_ones.pop()
            sizes[closed.start.anchor] = nodes = closed.nodes
        if nodes and open_ones:
            open_ones[-1].nodes += nodes
            if open_ones[-1].nodes > MAX_NODES:
                raise _Refused(event, f"more than {MAX_NODES} values, with its aliases written out; write less")


def _check_key(event: yaml.NodeEvent, within: _Open) -> None:
    """Notes a key of the mapping that an event is in. A key that is given twice hides the first without a word."""
    if not isinstance(within.start, yaml.MappingStartEvent):
        return
    if within.awaits_key:
        if not isinstance(event, yaml.ScalarEvent):
            place = f"{within.place}: " if within.place else ""
            raise _Refused(event, f"{place}a key must be a word or a number")
        within.key = event.value
        if within.key in within.keys:
            raise _Refused(event, f"{within.inner_place}: given twice; remove one")
        within.keys.add(within.key)
    within.awaits_key = not within.awaits_key


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """A node and those below it, the innermost first, each once."""
    seen: set[int] = set()

    def below(node: yaml.Node) -> Iterator[yaml.Node]:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.CollectionNode):
            for child in node.value:
                for part in child if isinstance(child, tuple) else (child,):
                    yield from below(part)
        yield node

    if node is not None:
        yield from below(node)


def _culprits(node: yaml.Node) -> Iterator[yaml.Node]:
    for inner in _nodes(node):
        try:
            yaml.SafeLoader("").construct_document(inner)
        except _CONSTRUCT_ERRORS:
            yield inner


def _fail(path: Path, node: yaml.Node, error_type: type[Exception], place: str, error: Exception) -> NoReturn:
    problem = getattr(error, "problem", None) or error
    where = f"{place}: " if place else ""
    raise error_type(
        f"{path}:{node.start_mark.line + 1}: {where}no value of YAML ({problem}); put it into quotes"
    ) from None
