"""How a validator of several fields says exactly which of them is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.config.toml_lines import KeyPath


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


def report(findings: list[Finding]) -> None:
    """Raise the findings, if there are any.

    Raises
    ------
    FindingsError
        Where `findings` is not empty.
    """
    if findings:
        raise FindingsError(findings)
