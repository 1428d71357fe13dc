"""Introspection of the settings models: which field stands at a path, and of which type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from sanctuary.config.toml_lines import KeyPath


@dataclass(frozen=True, slots=True)
class SchemaNode:
    """A point in the tree of models: a table, a field or an element.

    Attributes
    ----------
    annotation
        The type there, without `Annotated`.
    field
        The field, where the place is one; its bounds belong to the annotation.
    """

    annotation: Any
    field: FieldInfo | None = None

    @property
    def models(self) -> tuple[type[BaseModel], ...]:
        """The model there; several for a tagged union; none for a plain value."""
        types = (choice for choice in choices(self.annotation) if isinstance(choice, type))
        return tuple(choice for choice in types if issubclass(choice, BaseModel))

    @property
    def element(self) -> Any:
        """Type of an element of the array there, or None."""
        arrays = (choice for choice in choices(self.annotation) if get_origin(choice) in (tuple, list))
        return next((get_args(array)[0] for array in arrays), None)

    @property
    def mapped(self) -> Any:
        """Type of a value of the free table there (one whose keys the user chooses), or None."""
        tables = (choice for choice in choices(self.annotation) if get_origin(choice) in (dict, Mapping))
        return next((get_args(table)[1] for table in tables), None)

    @property
    def is_text(self) -> bool:
        """Whether only text can stand there, so that ``007`` from the environment stays ``"007"``."""
        return all(_is_text(choice) for choice in choices(self.annotation) if choice is not NoneType)

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return any(isinstance(c, type) and issubclass(c, SecretStr) for c in choices(self.annotation))

    def step(self, name: str | int) -> SchemaNode | None:
        """Go to the member `name`; None where the models know none of that name."""
        for model in self.models:
            if name in model.model_fields:
                info = model.model_fields[str(name)]
                return SchemaNode(info.annotation, info)
        if isinstance(name, int):
            return node_of(self.element)
        return node_of(self.mapped)

    def member(self, tag: str | int) -> SchemaNode | None:
        """Choose the model of a tagged union whose tag is `tag`."""
        for model in self.models:
            for info in model.model_fields.values():
                if get_origin(info.annotation) is Literal and tag in get_args(info.annotation):
                    return SchemaNode(model)
        return None

    def names(self) -> list[str]:
        """Names of the fields that a table there may hold."""
        return list(dict.fromkeys(name for model in self.models for name in model.model_fields))


def alternatives(place: SchemaNode) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
    """Take the union at a place apart: each type without None, and the bounds that hold for it."""
    bounds = tuple(place.field.metadata) if place.field else ()
    if get_origin(place.annotation) not in (Union, UnionType):
        return ((place.annotation, bounds),)
    members = (node_of(choice) for choice in get_args(place.annotation) if choice is not NoneType)
    return tuple(
        (inner, (*own, *bounds)) for member in members if member for inner, own in alternatives(member)
    )


def resolve(root: type[BaseModel], loc: Iterable[str | int]) -> tuple[KeyPath, SchemaNode | None]:
    """Turn the location in a validation error into a path in the tables.

    Pydantic puts the tag of a tagged union, and the type tried in a plain union, between the names.

    Returns
    -------
    tuple
        The path, and the place it leads to; None where the models know no such place.
    """
    path: KeyPath = ()
    place: SchemaNode | None = SchemaNode(root)
    for name in loc:
        if place is not None and len(place.models) > 1 and (chosen := place.member(name)):
            place = chosen
            continue
        if place is not None and not place.models and place.element is None and place.mapped is None:
            continue
        if name == "[key]":
            continue
        path = (*path, name)
        place = place.step(name) if place else None
    return path, place


def choices(annotation: Any) -> tuple[Any, ...]:
    """Take a union apart; anything else is its own only choice."""
    if get_origin(annotation) is Annotated:
        return choices(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(inner for choice in get_args(annotation) for inner in choices(choice))
    return (annotation,)


def node_of(annotation: Any) -> SchemaNode | None:
    """Make a place of a type taken from an array or free table, with the bounds it carries."""
    if annotation is None:
        return None
    if get_origin(annotation) is Annotated:
        return SchemaNode(get_args(annotation)[0], FieldInfo.from_annotation(annotation))
    return SchemaNode(annotation)


def _is_text(choice: Any) -> bool:
    if get_origin(choice) is Literal:
        return all(isinstance(value, str) for value in get_args(choice))
    return isinstance(choice, type) and issubclass(choice, str | PurePath | SecretStr)
