"""Which leases count: genuine, of the right term and offer, and newer than the last."""

from __future__ import annotations

from collections.abc import Mapping

from nacl.signing import VerifyKey

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.coordinator.windows import LeaseReason, WindowRun
from sanctuary.pods.effects import Record
from sanctuary.pods.protocol.envelope import open_lease
from sanctuary.pods.protocol.messages import LeaseMessage


class LeaseDesk:
    """Judges leases.

    Parameters
    ----------
    keys
        That sign the leases of each pod.
    """

    def __init__(self, site: str, keys: Mapping[str, VerifyKey]) -> None:
        self._site = site
        self._keys = keys
        self._seqs: dict[str, tuple[str, int]] = {}

    def read(self, pod: str, payload: bytes) -> LeaseMessage | None:
        """Check the signature and read; None for what is not a lease of this pod's key."""
        try:
            return open_lease(payload, self._keys[pod])
        except (KeyError, ProtocolError):
            return None

    def take(self, pod: str, lease: LeaseMessage, run: WindowRun | None, now_s: float) -> LeaseReason | None:
        """Enter a lease into the window of its circle, or give the reason why not."""
        if lease.site != self._site:
            return LeaseReason.OTHER_SITE
        if lease.pod != pod:
            return LeaseReason.OTHER_POD
        if run is None or run.id != lease.window:
            return LeaseReason.NO_WINDOW
        if lease.term != run.term:
            return LeaseReason.OTHER_TERM
        boot, seq = self._seqs.get(pod, ("", 0))
        if lease.boot == boot and lease.seq <= seq:
            return LeaseReason.REPEATED
        reason = run.take(lease, now_s)
        if reason is None:
            self._seqs[pod] = (lease.boot, lease.seq)
        return reason


def lease_record(pod: str, lease: LeaseMessage | None, reason: LeaseReason | None, now_s: float) -> Record:
    """Describe a lease that was taken, or refused for `reason`."""
    return Record(
        {
            "kind": "lease",
            "t_s": now_s,
            "pod": pod,
            "window": lease.window if lease else "",
            "offer": lease.offer if lease else "",
            "seq": lease.seq if lease else 0,
            "expires_s": min(lease.issued_at_s, now_s) + lease.ttl_s if lease and lease.ttl_s else now_s,
            "accepted": reason is None,
            "reason": str(reason or ""),
        }
    )
