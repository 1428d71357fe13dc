"""What a pod knows that must outlive a restart: no crash may be a reset, and none a fresh start."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sanctuary.pods.limiter.bounds import LimiterMemory, Utc
from sanctuary.pods.protocol.messages import Id


class PodMemory(BaseModel):
    """Kept before whatever rests on it is said or sounds; given back to the pod at its next start."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_: Literal["pod.memory.v1"] = Field("pod.memory.v1", alias="schema")
    pod: Id
    who: str = Field("", max_length=64)
    """Public key of the sleeper; what is kept of consent concerns no other."""
    terms: dict[Id, Annotated[int, Field(ge=0, le=2**53)]] = {}
    """Highest term obeyed, by circle."""
    latch: Literal["stopped", "withdrawn"] | None = None
    withdrawn_here: tuple[int, float] | None = None
    """Number in the sleeper's chain, and UTC seconds, of the last withdrawal by hand."""
    consent_seq: int = Field(0, ge=0, le=2**53)
    """Highest number of the sleeper's chain that was taken: a lost entry may have narrowed a grant."""
    requalify: bool = False
    """Whether the pod was engaged, or had to prove stable REM anew before it might be."""
    answered: tuple[Id, Annotated[int, Field(ge=1)]] | None = None
    """The window in which answers to eye signals were planned last, and how many."""
    limiter: LimiterMemory = LimiterMemory()
    kept_utc_s: Utc | None = None
    """When this was so, by the sanctuary clock."""
    kept_own_utc_s: Utc | None = None
    """The same by the pod's own computer: the two may disagree after a restart, where one was set."""
    kept_boot_id: str = Field("", max_length=64)
    """Which start of that computer it was; empty where it has no name."""
    kept_alive_s: float | None = None
    """The same by a clock of that computer that nobody sets, within one start of it."""

    def gained_s(self, utc_s: float, own_utc_s: float) -> float:
        """How much later it is by the sanctuary clock than by the own one, counted from when this was kept.

        Never negative: by the slower of the two no limit is over too soon.
        """
        if self.kept_utc_s is None or self.kept_own_utc_s is None:
            return 0.0
        return max(0.0, (utc_s - self.kept_utc_s) - max(0.0, own_utc_s - self.kept_own_utc_s))

    def own_utc_s(self, utc_s: float, alive_s: float, boot_id: str) -> float:
        """Say what the own computer's UTC would be now, had nobody set it since this was kept.

        Parameters
        ----------
        utc_s, alive_s, boot_id
            What it is, and as of `kept_alive_s` and `kept_boot_id`. After another start of the computer
            nothing is known of how its UTC was set, and what it is counts.
        """
        if self.kept_own_utc_s is None or self.kept_alive_s is None:
            return utc_s
        if not boot_id or boot_id != self.kept_boot_id or alive_s < self.kept_alive_s:
            return utc_s
        return self.kept_own_utc_s + alive_s - self.kept_alive_s

    def to_json(self) -> str:
        """Write as one line of JSON."""
        return self.model_dump_json(by_alias=True) + "\n"
