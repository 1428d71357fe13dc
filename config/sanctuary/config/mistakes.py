"""Mistakes in settings, in words that say how to mend them.

Each names its place (file and line, environment variable, or option), the setting, the value found and what
is allowed; an unknown name comes with the nearest known one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sanctuary.config.fields import SchemaNode, alternatives, node_of, resolve
from sanctuary.config.origins import Layer, Layers, Origin, format_path
from sanctuary.config.settings_base import FindingsError
from sanctuary.config.toml_lines import KeyPath


def allowed(place: SchemaNode) -> str:
    """Say what may stand at a place; bounds are inclusive unless the words say otherwise."""
    words = [_kind(choice, _bounds(metadata)) for choice, metadata in alternatives(place)]
    return " or ".join(dict.fromkeys(words))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The constraints of one field, by kind."""

    low: str = ""
    high: str = ""
    shortest: int | None = None
    longest: int | None = None
    pattern: str = ""
    step: str = ""


def _bounds(metadata: Iterable[Any]) -> _Bounds:
    found: dict[str, Any] = {}
    for item in metadata:
        match item:
            case Ge(ge):
                found["low"] = f"from {ge}"
            case Gt(gt):
                found["low"] = f"above {gt}"
            case Le(le):
                found["high"] = f"to {le}"
            case Lt(lt):
                found["high"] = f"below {lt}"
            case MinLen(length):
                found["shortest"] = length
            case MaxLen(length):
                found["longest"] = length
            case MultipleOf(step):
                found["step"] = f"a multiple of {step}"
            case _ if getattr(item, "pattern", None):
                found["pattern"] = item.pattern
    return _Bounds(**found)


def _kind(choice: Any, bounds: _Bounds) -> str:
    origin = get_origin(choice)
    if origin is Literal:
        return _one_of(get_args(choice))
    if origin in (tuple, list):
        return _array(choice, bounds)
    if origin in (dict, Mapping):
        return f"a table whose values are each {allowed(node_of(get_args(choice)[1]) or SchemaNode(Any))}"
    if not isinstance(choice, type):
        return "any value"
    return _plain(choice, bounds)


def _plain(choice: type, bounds: _Bounds) -> str:
    if issubclass(choice, BaseModel):
        return "a table"
    if issubclass(choice, Enum):
        return _one_of(member.value for member in choice)
    if issubclass(choice, bool):
        return "true or false"
    if issubclass(choice, int | float):
        kind = "a whole number" if issubclass(choice, int) else "a number"
        return " ".join(filter(None, (kind, bounds.low, bounds.high, bounds.step)))
    if issubclass(choice, PurePath):
        return "a path"
    length = _length(bounds, "character")
    return ", ".join(filter(None, (f"text matching {bounds.pattern}" if bounds.pattern else "text", length)))


def _array(choice: Any, bounds: _Bounds) -> str:
    arguments = get_args(choice)
    element = allowed(node_of(arguments[0]) or SchemaNode(Any))
    fixed = get_origin(choice) is tuple and arguments[-1] is not Ellipsis
    length = f"{len(arguments)} elements" if fixed else _length(bounds, "element")
    return ", ".join(filter(None, ("a list", length, f"each {element}")))


def _length(bounds: _Bounds, unit: str) -> str:
    match bounds.shortest, bounds.longest:
        case None, None:
            return ""
        case None, longest:
            return f"at most {longest} {unit}s"
        case shortest, None:
            return f"at least {shortest} {unit}{'s' * (shortest != 1)}"
        case shortest, longest:
            return f"{shortest} to {longest} {unit}s"


def _one_of(values: Iterable[object]) -> str:
    shown = [f'"{value}"' if isinstance(value, str) else str(value) for value in values]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


_LONGEST_VALUE = 60
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend.

    Attributes
    ----------
    problem
        A clause without a full stop that names the setting.
    """

    origin: Origin
    problem: str

    def __str__(self) -> str:
        match self.origin.layer:
            case Layer.FILE:
                place = f"{self.origin.name}, line {self.origin.line}"
            case Layer.DEFAULT:
                place = "default settings"
            case _:
                place = self.origin.name
        return f"{place}: {self.problem}"


def listing(mistakes: Iterable[Mistake]) -> str:
    """Write mistakes one below the other, files first and from the top down; a single one on one line."""
    lines = list(dict.fromkeys(str(mistake) for mistake in sorted(mistakes, key=lambda m: m.origin.rank)))
    if len(lines) == 1:
        return lines[0]
    return "\n  ".join((f"{len(lines)} mistakes in the settings:", *lines))


def find_mistakes(error: ValidationError, root: type[BaseModel], layers: Layers) -> list[Mistake]:
    """Turn what pydantic refused into mistakes at their places."""
    return [mistake for details in error.errors() for mistake in _mistakes(details, root, layers)]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Give the nearest known name as a question, or all of them where none is near."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known here: {', '.join(names)}" if names else "nothing can be set here"


def show_value(value: object) -> str:
    """Write a value as TOML does, shortened."""
    match value:
        case bool():
            text = str(value).lower()
        case str():
            text = f'"{value}"'
        case dict():
            text = "a table"
        case list():
            text = f"[{', '.join(show_value(item) for item in value)}]"
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _mistakes(details: ErrorDetails, root: type[BaseModel], layers: Layers) -> Iterator[Mistake]:
    path, place = resolve(root, details["loc"])
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FindingsError):
        for finding in cause.findings:
            at = (*path, *finding.path)
            origins = (layers.nearest_origin(at), layers.nearest_origin(finding.against))
            yield Mistake(
                max(origins, key=lambda origin: origin.rank), f"{format_path(at)} {finding.problem}"
            )
    elif cause is not None and place is not None and place.models:
        yield _of_table(path, place, str(cause), details["input"], layers)
    else:
        yield Mistake(layers.nearest_origin(path), _problem(details, path, place, root))


def _problem(details: ErrorDetails, path: KeyPath, place: SchemaNode | None, root: type[BaseModel]) -> str:
    name = format_path(path)
    cause = details.get("ctx", {}).get("error")
    match details["type"]:
        case "extra_forbidden":
            return f"{name} is not a setting; {_nearest(details['loc'], root)}"
        case "missing" if place is not None:
            return f"{name} is missing; give {allowed(place)}"
        case "union_tag_not_found":
            return f"{name} needs {_tag(details)} = {_tags(details, place)}"
        case "union_tag_invalid":
            tag = show_value(details["ctx"]["tag"])
            return f"{name}.{_tag(details)} = {tag} is not known; allowed: {_tags(details, place)}"
    value = "(hidden)" if place is not None and place.is_secret else show_value(details["input"])
    if cause is not None:
        return f"{name} = {value}: {cause}"
    if place is None or not (words := allowed(place)):
        return f"{name} = {value}: {details['msg']}"
    return f"{name} = {value} is refused; allowed: {words}"


def _of_table(path: KeyPath, place: SchemaNode, message: str, table: Any, layers: Layers) -> Mistake:
    """Place a mistake that concerns several fields of a table at the one of them set last.

    The fields concerned are those that the validator's message names.
    """
    names = [name for name in _WORD.findall(message) if name in place.names()]
    origins = [layers.origin_of((*path, name)) for name in names]
    origin = max([*origins, layers.nearest_origin(path)], key=lambda origin: origin.rank)
    given = table if isinstance(table, dict) else {}
    values = ", ".join(
        f"{name} = {show_value(given[name])}" for name in dict.fromkeys(names) if name in given
    )
    where = f"{format_path(path)}: " if path else ""
    return Mistake(origin, f"{where}{message}" + (f" (found {values})" if values else ""))


def _nearest(loc: tuple[str | int, ...], root: type[BaseModel]) -> str:
    """Suggest a name of the same table or, failing that, the table where the very name belongs."""
    name = str(loc[-1])
    _, table = resolve(root, loc[:-1])
    known = table.names() if table else []
    elsewhere = next(_holders(SchemaNode(root), name, ()), None)
    if elsewhere is not None and not get_close_matches(name.lower(), known, n=1):
        return f"{name} belongs in [{format_path(elsewhere)}]"
    return suggestion(name, known)


def _holders(place: SchemaNode, name: str, path: KeyPath) -> Iterator[KeyPath]:
    """Find the plain tables, not those in arrays, that hold a field called `name`."""
    if path and name in place.names():
        yield path
    for inner in place.names():
        below = place.step(inner)
        if below is not None and below.models:
            yield from _holders(below, name, (*path, inner))


def _tag(details: ErrorDetails) -> str:
    return str(details["ctx"]["discriminator"]).strip("'")


def _tags(details: ErrorDetails, place: SchemaNode | None) -> str:
    """List the allowed values of a tagged union's discriminator."""
    fields = [SchemaNode(model).step(_tag(details)) for model in (place.models if place else ())]
    return " or ".join(allowed(field) for field in fields if field)
