"""Proof of the invariants from the logs alone."""

from sanctuary.pods.audit.auditor import Auditor
from sanctuary.pods.audit.check import check_violations
from sanctuary.pods.audit.night import Violation

__all__ = ["Auditor", "Violation", "check_violations"]
