"""Who a pod is, and what of it outlives a restart: no crash may be a reset, and none a fresh start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from nacl.signing import SigningKey, VerifyKey
from pydantic import BaseModel, ConfigDict, Field

from sanctuary.config.errors import InputError
from sanctuary.pods.limiter.bounds import LimiterMemory, Utc
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.messages import EVERY_POD, Id


@dataclass(frozen=True)
class PodIdentity:
    """What a pod is given once and keeps.

    Attributes
    ----------
    boot
        Id of this run of the pod, never used before.
    key
        Signs the pod's leases.
    coordinator
        Whose commands are obeyed.
    circles
        Circles of tonight's sleeper.
    shams
        Those of them whose windows are silent: judged and logged as if they sounded.
    threshold_dba
        The softest sound that tonight's sleeper hears when awake; None where nobody has measured it.

    Raises
    ------
    InputError
        An id could not stand in a topic.
    """

    site: str
    pod: str
    boot: str
    key: SigningKey
    coordinator: VerifyKey
    circles: tuple[str, ...]
    shams: tuple[str, ...] = ()
    threshold_dba: float | None = None

    def __post_init__(self) -> None:
        for name in (self.site, self.pod, self.boot, *self.circles):
            if not topics.is_id(name):
                raise InputError(f"id {name!r}: 1 to 64 of a-z, 0-9 and - expected")
        if self.pod == EVERY_POD:
            raise InputError(f"pod id {self.pod!r}: means every pod; choose another")


class PodMemory(BaseModel):
    """Kept before whatever rests on it is published or sounds; given back to the pod at its next start."""

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

    def own_utc_s(self, utc_s: float, boottime_s: float, boot_id: str) -> float:
        """Give the UTC that the own computer would have now, had nobody set it since this was kept.

        Parameters
        ----------
        utc_s
            What that computer says now. After another start of it nothing is known of how its UTC was set,
            and this counts.
        boottime_s, boot_id
            Of now, for `kept_alive_s` and `kept_boot_id`.
        """
        if self.kept_own_utc_s is None or self.kept_alive_s is None:
            return utc_s
        if not boot_id or boot_id != self.kept_boot_id or boottime_s < self.kept_alive_s:
            return utc_s
        return self.kept_own_utc_s + boottime_s - self.kept_alive_s

    def to_json(self) -> str:
        """Write as one line of JSON."""
        return self.model_dump_json(by_alias=True) + "\n"
