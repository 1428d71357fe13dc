"""Another sanctuary with the same `site.id` at one broker: heard by its claims, which its own key has signed.

Gateways of one sanctuary share a secret, so that each knows the others' claims. A claim on our topics with
another signature is of another sanctuary, or of one whose secret was lost. Nothing of it is ever obeyed; but
its pods' snapshots would stand on the topics of ours, so people must know, best before the night begins.
"""

from __future__ import annotations

from nacl.signing import VerifyKey

from sanctuary.config.errors import ProtocolError
from sanctuary.pods.coordinator.times import SOLE_RENEW_S
from sanctuary.pods.wire.envelope import Kind, unseal
from sanctuary.pods.wire.gateway_messages import GatewayClaim
from sanctuary.pods.wire.messages import read
from sanctuary.pods.wire.packets import Message

KEPT_S = 0.5
"""What the broker kept comes with the subscription, within this."""
LIVE_S = 2.5 * SOLE_RENEW_S
"""A gateway that lives claims anew within this."""


class Strangers:
    """Listens to the claims on the topics of a site.

    Parameters
    ----------
    key
        With which the gateways of this sanctuary sign.

    Attributes
    ----------
    kept
        Whether the broker kept a claim of a stranger that was not given up: of one that lives or has died.
    live
        Whether a stranger has claimed while we listened.
    listening
        To be set once all is in that the broker had kept, retained or queued for us since we were here last.
    """

    def __init__(self, key: VerifyKey) -> None:
        self._key = key
        self.kept = False
        self.live = False
        self.listening = False

    def hear(self, message: Message) -> None:
        """Take a message of the topic of claims."""
        claim = self._foreign(message.payload)
        if claim is None or claim.released:
            return
        if message.retain or not self.listening:
            self.kept = True
        else:
            self.live = True

    def _foreign(self, payload: bytes) -> GatewayClaim | None:
        try:
            unseal(Kind.CLAIM, payload, self._key)
        except ProtocolError:
            try:
                return read(GatewayClaim, payload.partition(b"\n")[0])
            except ProtocolError:
                return None  # neither a claim of ours nor of anybody's
        return None


def told(site: str, where: str) -> str:
    """Say in a sentence what is wrong and what to do."""
    return (
        f'site.id = "{site}": another sanctuary of this name is at work at {where}; set one of its own for '
        "each (where they are to be one, give both the same secret.key)"
    )
