"""The limiter: last stage before an output (invariant P3)."""

from sanctuary.pods.limiter.bounds import LimiterMemory, LimitReason, flashes_of, lit_s
from sanctuary.pods.limiter.limiter import Limiter

__all__ = ["LimitReason", "Limiter", "LimiterMemory", "flashes_of", "lit_s"]
