"""Titles: what to collect, declared in one YAML file. A bad entry is an error that names line, key and remedy.

    titles:
      pepper-carrot:
        source: folder
        address: comics/pepper-carrot
        licence: CC-BY-4.0
        attribution: "Pepper&Carrot by David Revoy"
        panels: {max_side_px: 1400}

`${NAME}` and `${NAME:-default}` in an address are filled from the variables that the caller hands over. What is filled
in is for requests alone: `Title.shown` writes `${NAME}` again wherever a text is printed or stored.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import yaml
from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from pipelines.lake import MAX_TITLE_LENGTH, TITLE_PATTERN
from pipelines.panels.params import PanelParams
from pipelines.yaml import read_nodes, values_of

_Model = TypeVar("_Model", bound=BaseModel)
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_IDENTITY = re.compile(r"(?<=://)[^/?#\s]+@")  # up to the last "@": passwords have it too
_SHORTEST_SECRET = 4  # a shorter value is no secret, and every text has it by chance


class SourceKind(Protocol):
    """A kind of source, as far as the declaration of its titles needs it."""

    settings: type[BaseModel]  # what a title may set; `Title.settings` has been checked against it
    is_local: bool  # the address is a file or folder, relative to titles.yaml


class TitlesError(ValueError):
    """titles.yaml cannot be read: the message names file, line, key and what was expected."""


@dataclass(frozen=True)
class Secrets:
    """What the variables of an address were filled with, by their placeholders."""

    filled: Mapping[str, str] = field(default_factory=dict)

    def hidden(self, text: str) -> str:
        """A text with placeholders for the values, in any of the forms in which addresses and errors have them."""
        if self._pattern is not None:
            text = self._pattern.sub(self._placeholder, text)
        return _IDENTITY.sub("***@", text)

    @cached_property
    def _forms(self) -> dict[str, str]:
        """Placeholders by the values' forms in small letters: a host is written so, whatever a person wrote."""
        return {
            form.lower(): placeholder
            for placeholder, value in self.filled.items()
            for form in _forms_of(value)
            if len(form) >= _SHORTEST_SECRET
        }

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest_first = sorted(self._forms, key=len, reverse=True)
        # Placeholders first: what is hidden already stays as it is.
        alternatives = [*self.filled, *longest_first] if longest_first else []
        return re.compile("|".join(map(re.escape, alternatives)), re.IGNORECASE) if alternatives else None

    def _placeholder(self, match: re.Match[str]) -> str:
        return match[0] if match[0] in self.filled else self._forms.get(match[0].lower(), match[0])


def _forms_of(value: str) -> Iterator[str]:
    """A value as it is and as addresses write it; of one that is an address also its host and what it asks for."""
    parts = [value]
    with suppress(ValueError):
        split = urlsplit(value)
        if split.scheme and split.netloc:
            parts += [split.netloc, split.netloc.rpartition("@")[2], split.username or "", split.password or ""]
            parts += [found for _, found in parse_qsl(split.query)]
    for part in parts:
        yield from {part, quote(part), quote(part, safe=""), quote_plus(part), unquote(part), repr(part)[1:-1]}


class Title(BaseModel, frozen=True, extra="forbid"):
    """One series: where it comes from, under which licence, and how its pages are cut."""

    key: str = Field(description="Small letters, digits and dashes: the first half of every issue key.")
    source: str = Field(description="The kind of place it comes from: `tintoon sources` lists them.")
    address: str = Field(min_length=1, repr=False, description="The URL of the title's list, or a folder.")
    licence: str = Field(min_length=1, description="SPDX identifier, or a short name, of the licence of the pictures.")
    attribution: str = Field(min_length=1, description="Who is to be named wherever the pictures or their products go.")
    name: str | None = Field(default=None, description="The title as people write it.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Settings of its source for this title: `tintoon sources` lists them."
    )
    panels: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the stage `panels` for this title, instead of the run's own.",
    )

    _secrets: Secrets = PrivateAttr(default_factory=Secrets)

    @property
    def has_secrets(self) -> bool:
        """True where the address holds what is not to be shown: filled variables, or a name and a password."""
        return bool(self._secrets.filled) or self.shown(self.address) != self.address

    def shown(self, text: str) -> str:
        """A text as it may be printed and stored: `${NAME}` for what a variable filled in, no name, no password."""
        return self._secrets.hidden(text)

    def panel_params(self, params: PanelParams) -> PanelParams:
        """The run's parameters with this title's own settings on top."""
        return PanelParams(**{**params.model_dump(), **self.panels})


def load_titles(path: Path, *, sources: Mapping[str, SourceKind], variables: Mapping[str, str]) -> dict[str, Title]:
    """The titles of a YAML file, by key, in the file's order. Local addresses count from the file's own folder.

    Raises TitlesError for the first wrong entry.
    """
    try:
        root = read_nodes(path, TitlesError)
    except FileNotFoundError:
        raise TitlesError(f"{path}: no such file; copy titles.yaml from the project, or set TINTOON_TITLES") from None
    titles_node = _only_key(path, root, "titles")
    titles: dict[str, Title] = {}
    for key_node, value_node in titles_node.value:
        title = _title(path, key_node, value_node, sources=sources, variables=variables)
        titles[title.key] = title
    return titles


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _only_key(path: Path, root: yaml.Node | None, name: str) -> yaml.MappingNode:
    if not isinstance(root, yaml.MappingNode):
        raise TitlesError(f"{path}:1: expected one key, '{name}:', with the titles below it")
    for key_node, value_node in root.value:
        if key_node.value != name:
            raise TitlesError(f"{_at(path, key_node)}: unknown key {key_node.value!r}; expected only '{name}:'")
        if not isinstance(value_node, yaml.MappingNode):
            raise TitlesError(f"{_at(path, value_node)}: {name}: expected titles by name, e.g. 'pepper-carrot:'")
        return value_node
    raise TitlesError(f"{path}:1: expected one key, '{name}:', with the titles below it")


def _title(
    path: Path, key_node: yaml.Node, node: yaml.Node, *, sources: Mapping[str, SourceKind], variables: Mapping[str, str]
) -> Title:
    key = str(key_node.value)
    if not TITLE_PATTERN.fullmatch(key):
        raise TitlesError(
            f"{_at(path, key_node)}: title {key!r}: expected small letters, digits, single dashes, e.g. 'pepper-carrot'"
        )
    if len(key) > MAX_TITLE_LENGTH:
        raise TitlesError(f"{_at(path, key_node)}: title {key!r}: at most {MAX_TITLE_LENGTH} letters; shorten it")
    if not isinstance(node, yaml.MappingNode):
        raise TitlesError(f"{_at(path, node)}: {key}: expected the settings of a title (source, address, licence, ...)")
    lines = {str(child.value): child for child, _ in node.value}
    settings: dict[str, Any] = {}
    for child, value in node.value:
        pair = yaml.MappingNode(node.tag, [(child, value)], child.start_mark, value.end_mark)
        settings |= values_of(path, pair, TitlesError, place=f"{key}.{child.value}")
    if "key" in settings:
        raise TitlesError(f"{_at(path, lines['key'])}: {key}.key: unknown key; the title's name above it is its key")
    filled: dict[str, str] = {}
    if isinstance(settings.get("address"), str):
        where = f"{_at(path, lines['address'])}: {key}.address"
        settings["address"], filled = _filled(settings["address"], variables, where=where)
    title = _validated(Title, {"key": key, **settings}, path=path, location=[key], place=key_node, node=node)
    if title.source not in sources:
        expected = ", ".join(sorted(sources))
        raise TitlesError(
            f"{_at(path, lines['source'])}: {key}.source: {title.source!r} is no source; expected one of: {expected}"
        )
    kind = sources[title.source]
    for name, model in (("settings", kind.settings), ("panels", PanelParams)):
        if values := getattr(title, name):
            place, own = next((k, v) for k, v in node.value if k.value == name)
            _validated(model, values, path=path, location=[key, name], place=place, node=own)
    if kind.is_local:
        try:
            address = str((path.parent / title.address).resolve())
        except ValueError as error:  # a NUL
            raise TitlesError(f"{_at(path, lines['address'])}: {key}.address: no path ({error}); correct it") from error
        title = title.model_copy(update={"address": address})
    title._secrets = Secrets(filled)  # pyright: ignore[reportAttributeAccessIssue]  frozen are the fields alone
    return title


def _filled(address: str, variables: Mapping[str, str], *, where: str) -> tuple[str, dict[str, str]]:
    """The address with its variables filled in, and what they were filled with, by placeholder.

    A default is in the file for all to see, and is no secret.
    """
    filled: dict[str, str] = {}

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = variables.get(name) or default
        if found is None:
            raise TitlesError(
                f"{where}: ${{{name}}} is not set; set the environment variable {name} or write a default"
            )
        if found != default:
            filled[f"${{{name}}}"] = found
        return found

    return _VARIABLE.sub(value, address), filled


def _validated(
    model: type[_Model],
    settings: dict[str, Any],
    *,
    path: Path,
    location: list[str],
    place: yaml.Node,
    node: yaml.Node,
) -> _Model:
    """The settings as a model, or a TitlesError with the line of the first key that is wrong."""
    try:
        return model(**settings)
    except ValidationError as error:
        # A misspelt key also counts as missing: naming the unknown one helps more.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    where = [str(part) for part in first["loc"]]
    for part in where:
        if isinstance(node, yaml.MappingNode):
            place, node = next(((k, v) for k, v in node.value if k.value == part), (place, node))
    if first["type"] == "extra_forbidden":
        problem = f"unknown key; expected one of: {', '.join(name for name in model.model_fields if name != 'key')}"
    elif first["type"] == "missing":
        problem = f"missing; expected: {model.model_fields[where[0]].description}"
    else:
        problem = f"{first['msg']}, found {first['input']!r}"
    raise TitlesError(f"{_at(path, place)}: {'.'.join([*location, *where])}: {problem}")
