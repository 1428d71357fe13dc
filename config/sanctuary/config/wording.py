"""What may stand at a place of the settings, in words: ``a number from 0.5 to 0.999``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel

from sanctuary.config.fields import Place, alternatives, place_of


def allowed(place: Place) -> str:
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
        return f"a table whose values are each {allowed(place_of(get_args(choice)[1]) or Place(Any))}"
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
    element = allowed(place_of(arguments[0]) or Place(Any))
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
