"""Signs what sleepers agree to: grants and withdrawals, each following on from the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from nacl.signing import SigningKey

from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import FIRST, Grant, Scope, Withdrawal, WithdrawnScope, key_id, seal, unseal
from sanctuary.config.pod_settings import CircleEntry
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.virtual_site.host import UTC_AT_ZERO_S

DAY_S = 86_400.0


class ConsentSigner:
    """Signs for one sleeper.

    Parameters
    ----------
    origin
        Name of the sanctuary's ledger.
    """

    def __init__(self, key: SigningKey, origin: str) -> None:
        self.who = key_id(key)
        self._key, self._origin = key, origin
        self._seq, self._prev = 0, FIRST

    def grant(
        self, circle: str, design: str, modalities: Sequence[Modality], nbf: float, exp: float
    ) -> bytes:
        """Sign a grant."""
        scope = Scope(
            circle=circle,
            modalities=tuple(modalities),
            max_level_dba=38.0 if Modality.SOUND in modalities else 0.0,
            max_light_share=0.2 if Modality.LIGHT in modalities else 0.0,
            max_haptic_share=0.2 if Modality.HAPTIC in modalities else 0.0,
        )
        event = Grant(who=self.who, **self._next("g"), scope=scope, design=design, nbf=nbf, exp=exp)
        return self._signed(event)

    def withdraw(self, circle: str) -> bytes:
        """Sign a withdrawal."""
        return self._signed(Withdrawal(who=self.who, **self._next("w"), scope=WithdrawnScope(circle=circle)))

    def _next(self, kind: str) -> dict[str, Any]:
        self._seq += 1
        return {"seq": self._seq, "prev": self._prev, "nonce": f"{kind}{self._seq}"}

    def _signed(self, event: Grant | Withdrawal) -> bytes:
        raw = seal(self._key, self._origin, event)
        self._prev = unseal(raw, self._origin).digest
        return raw


def evening_grants(
    signer: ConsentSigner, circles: Sequence[CircleEntry], designs: Mapping[str, LoadedDesign], rng: Random
) -> tuple[bytes, ...]:
    """Sign what a sleeper agrees to in the evening: some to less, or for a part of the night."""
    entries = []
    for circle in circles:
        modalities = tuple(Modality) if rng.random() < 0.7 else (rng.choice(tuple(Modality)),)
        begin_s = rng.uniform(0.0, 600.0) if rng.random() < 0.1 else -3600.0
        end_s = max(rng.uniform(300.0, 2000.0) if rng.random() < 0.1 else DAY_S, begin_s + 60.0)
        design = designs[circle.design].hash
        entries.append(
            signer.grant(circle.id, design, modalities, UTC_AT_ZERO_S + begin_s, UTC_AT_ZERO_S + end_s)
        )
    return tuple(entries)
