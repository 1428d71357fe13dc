"""What a pod knows that must outlive a restart: no crash may be a reset, and none a fresh start."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sanctuary.pods.limiter.memory import LimiterMemory
from sanctuary.pods.wire.messages import Id


class PodMemory(BaseModel):
    """Kept before whatever rests on it is said or sounds; given back to the pod at its next start."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_: Literal["pod.memory.v1"] = Field("pod.memory.v1", alias="schema")
    pod: Id
    terms: dict[Id, Annotated[int, Field(ge=0, le=2**53)]] = {}
    """Highest term obeyed, by circle."""
    latch: Literal["stopped", "withdrawn"] | None = None
    withdrawn_here: tuple[int, float] | None = None
    """Number in the sleeper's chain, and UTC seconds, of the last withdrawal by hand."""
    requalify: bool = False
    """Whether the pod was engaged, or had to prove stable REM anew before it might be."""
    answered: tuple[Id, Annotated[int, Field(ge=1)]] | None = None
    """The window in which answers to eye signals were planned last, and how many."""
    limiter: LimiterMemory = LimiterMemory()

    def to_json(self) -> str:
        """Write as one line of JSON."""
        return self.model_dump_json(by_alias=True) + "\n"
