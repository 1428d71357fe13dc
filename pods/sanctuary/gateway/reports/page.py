"""From values to one HTML file: escaped templates, everything inlined, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sanctuary.gateway.files import write_whole
from sanctuary.gateway.reports import wording
from sanctuary.gateway.reports.palette import css_variables


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sanctuary.gateway.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "number": wording.number,
        "span": wording.span,
        "moment": wording.moment,
        "reason": wording.reason,
    }
    environment.globals["count"] = wording.count
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill `template` in; text is escaped unless it is `Markup`."""
    return _environment().get_template(template).render(values, css_variables=css_variables())


def write_page(path: Path, text: str) -> None:
    """Put `text` at `path` in one step (see `write_whole` for what it raises)."""
    write_whole(path, text, "the report")
