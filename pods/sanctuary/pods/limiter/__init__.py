"""The limiter: last stage before an output (invariant P3)."""

from sanctuary.pods.limiter.light import flashes_of, lit_s
from sanctuary.pods.limiter.limiter import Limiter
from sanctuary.pods.limiter.memory import LimiterMemory
from sanctuary.pods.limiter.verdicts import Admitted, LimitReason, Refused

__all__ = ["Admitted", "LimitReason", "Limiter", "LimiterMemory", "Refused", "flashes_of", "lit_s"]
