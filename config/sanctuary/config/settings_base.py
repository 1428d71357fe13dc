"""The base of all settings models (frozen, unknown names refused, no infinities) and what they share.

Types of names, findings (by which a validator of several fields tells which of them is wrong), and what is
shipped: the defaults of a sanctuary without a settings file, and the names of dream designs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from sanctuary.config.toml_lines import KeyPath


class Settings(BaseModel):
    """One small model per concern derives from this.

    Every field has a default, bounds where it is a number, a unit in its name or description, and a
    description for people (shown by ``sanctuary config check`` when a value is refused).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )


def in_order(settings: Settings, *pairs: tuple[str, str]) -> None:
    """Raise `ValueError` where the first field of a pair exceeds the second."""
    for low, high in pairs:
        if getattr(settings, low) > getattr(settings, high):
            raise ValueError(f"{low} must not exceed {high}")


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
"""Names a site, pod or circle in topics, folders and the ledger."""
Pseudonym = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
"""Stands for a sleeper everywhere; never the person's name."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""
PublicKey = Digest
"""Ed25519 public key in hexadecimal: as long as a digest."""
OutputName = Literal["sound", "light", "haptic"]
"""How a cue can reach a sleeper."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake, below the place whose validator found it.

    Attributes
    ----------
    path
        From that place to the value at fault.
    problem
        What is wrong and what to do, as the rest of a sentence that begins with the value's path.
    against
        From the root to another setting that the value does not go with. The mistake is put down to
        whichever of the two was set last.
    """

    path: KeyPath
    problem: str
    against: KeyPath = ()


class FindingsError(ValueError):
    """Raised by a validator to report all its findings at once, each at its own place."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.problem for finding in findings))
        self.findings = findings


def twice(values: Sequence[str]) -> list[Finding]:
    """Find the values of a list that stand in it already."""
    return [
        Finding((at,), f'= "{value}" stands in the list already')
        for at, value in enumerate(values)
        if value in values[:at]
    ]


def raise_findings(findings: list[Finding]) -> None:
    """Raise the findings, if there are any.

    Raises
    ------
    FindingsError
        Where `findings` is not empty.
    """
    if findings:
        raise FindingsError(findings)


def did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    """Ask whether the nearest of the known names was meant; `otherwise` where none is near."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def shipped_defaults() -> dict[str, Any]:
    """Read ``defaults.toml``, the demo circle."""
    return tomllib.loads((files("sanctuary.config") / "defaults.toml").read_text(encoding="utf-8"))


def shipped_designs() -> tuple[str, ...]:
    """Names of the shipped dream designs, in alphabetical order."""
    names = [item.name for item in (files("sanctuary.config") / "designs").iterdir()]
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def known_design(design: str) -> str:
    """Give the name of a design back.

    Raises
    ------
    ValueError
        It is neither one that is shipped nor a path.
    """
    shipped = shipped_designs()
    if design not in shipped and not design.endswith(".toml"):
        names = ", ".join(f'"{name}"' for name in shipped)
        raise ValueError(
            f"no such design comes with the program; allowed: {names}, or a path ending in .toml"
        )
    return design


DesignName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(known_design)]
"""The name of a shipped dream design, or the path of a .toml file."""
