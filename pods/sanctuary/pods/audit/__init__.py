"""Proof of the invariants from the logs alone."""

from sanctuary.pods.audit.auditor import Auditor, check_violations
from sanctuary.pods.audit.invariants import Violation

__all__ = ["Auditor", "Violation", "check_violations"]
