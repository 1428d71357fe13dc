"""What is said of a client's link: each trouble once, and once more when it is over; why there is none."""

from __future__ import annotations

import logging

from sanctuary.config.broker import BrokerSettings
from sanctuary.pods.wire.network_events import Disconnected
from sanctuary.pods.wire.probe import look_closer
from sanctuary.pods.wire.refusals import Takeover, Trouble, advice

LOOK_S = 2.0
"""How long it may take to find out what listens at a port that let nobody in."""
_SEE_LOG = "see the broker's log"


class LinkNews:
    """Knows how one client's link stands, and tells people. All times are monotonic seconds.

    Parameters
    ----------
    client_id, host, port, settings
        Of the client.
    log
        Where it is told.
    """

    def __init__(
        self, client_id: str, host: str, port: int, settings: BrokerSettings, log: logging.Logger
    ) -> None:
        self._client_id, self._settings, self._log = client_id, settings, log
        self._host, self._port = host, port
        self._trouble = Trouble.SILENT
        self._takeover = Takeover()
        self._told = set[str]()
        self.reason = "no answer yet"
        """Why there is no link, or was none."""

    @property
    def place(self) -> str:
        """Where the broker is."""
        return f"{self._host}:{self._port}"

    def let_in(self, now_s: float) -> None:
        """Hear that the broker let the client in."""
        self._takeover.up(now_s)

    def up(self) -> None:
        """Hear that every subscription is in force."""
        if "down" in self._told and not self._takeover.suspected:
            self._told.discard("down")
            self._log.warning("%s: link to %s restored", self._client_id, self.place)

    def down(self, event: Disconnected, now_s: float) -> None:
        """Hear that there is no link."""
        self._trouble, self.reason = event.trouble, event.reason
        if event.trouble is Trouble.GONE:
            self._takeover.down(now_s)
        if self._takeover.suspected and event.trouble is Trouble.GONE:
            self.reason = f"another program connects as {self._client_id}, and each pushes the other out"
            self.tell(
                "taken", f"{self.reason}: does a second Sanctuary use a copy of this data folder? End it"
            )
        todo = advice(event.trouble, self._settings)
        self.tell(
            "down", f"no link to {self.place} ({self.reason}); {todo + '; ' if todo else ''}trying again"
        )

    def time_passed(self, now_s: float) -> None:
        """See whether a link has held for a while; wanted about once a second."""
        if self._takeover.has_ended(now_s):
            self._told -= {"taken", "down"}
            self._log.warning("%s: the link to %s holds again", self._client_id, self.place)

    def tell(self, what: str, text: str) -> None:
        """Log a trouble once."""
        if what not in self._told:
            self._told.add(what)
            self._log.warning("%s: %s", self._client_id, text)

    async def why_not(self, patience_s: float) -> str:
        """Say that no link came about in `patience_s`, what stood in the way, and what to do."""
        tls = self._settings.tls_ca_file is not None
        trouble = await look_closer(self._trouble, self._host, self._port, min(patience_s, LOOK_S), tls=tls)
        return (
            f"{self._client_id}: no link to the MQTT broker at {self.place} within {patience_s:g} s "
            f"({self.reason}); {advice(trouble, self._settings) or _SEE_LOG}"
        )
