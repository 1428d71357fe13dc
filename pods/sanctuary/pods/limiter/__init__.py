"""The limiter: last stage before an output (invariant P3)."""

from sanctuary.pods.limiter.bounds import Admitted, LimiterMemory, LimitReason, Refused, flashes_of, lit_s
from sanctuary.pods.limiter.limiter import Limiter

__all__ = ["Admitted", "LimitReason", "Limiter", "LimiterMemory", "Refused", "flashes_of", "lit_s"]
