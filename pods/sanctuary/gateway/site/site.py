"""The one assembly of a site: whatever runs pods or gateways, in real or in virtual time, has them made here.

A `Site` is what runs on one computer. `sanctuary run` has a gateway and all pods on it, `sanctuary pod` and
`sanctuary coordinate` one of them each; a virtual host is a computer that does not exist.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import ProtocolError, SanctuaryError
from sanctuary.config.pod_settings import PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.site.advice import Strangers
from sanctuary.gateway.site.assembly import (
    NightPlan,
    designs_of,
    gateway_of,
    identity_of,
    make_gateway,
    make_pod,
)
from sanctuary.gateway.site.clocks import FollowedTime, PodTime
from sanctuary.gateway.site.coordinator_shell import ClockDuty, CoordinatorShell, SiteClock
from sanctuary.gateway.site.cue_sink import CueSink
from sanctuary.gateway.site.event_log import EventSink
from sanctuary.gateway.site.machine_clock import HostClock
from sanctuary.gateway.site.own_utc import PodUtc
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell, to_message, unsealed
from sanctuary.gateway.site.site_clock import SanctuaryClock, SystemTime
from sanctuary.gateway.site.storage import ConsentKeeper, MemoryKeeper, PodMemories, SiteStore
from sanctuary.pods.clock.exchange import TimeSource
from sanctuary.pods.mqtt.wire_client import LinkEvent, LinkUp, MqttMessage, OnLink, OnMessage, WireClient
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.outgoing import status
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind
from sanctuary.pods.protocol.messages import HeadbandStatus

Client = TypeVar("Client", bound=WireClient)
Made = TypeVar("Made", bound=WireClient, covariant=True)


class Wire(Protocol[Made]):
    """Makes clients of one broker; each has no link yet."""

    def client(
        self, name: str, *, will: MqttMessage, on_link: OnLink, on_message: OnMessage, lasting: bool = False
    ) -> Made:
        """Make a client.

        Parameters
        ----------
        name
            Unique on this site, and stable over restarts.
        will
            What the broker publishes when the client dies.
        lasting
            Whether messages that are worth it outlive a crash of this program.
        """


class Samples(Protocol):
    """Where the verdicts on the sleepers come from."""

    def attach(self, entry: PodEntry, pod: PodShell, /) -> None:
        """Feed this pod from now on, or as soon as there is something to feed."""


class NoSamples:
    """Of a computer on which no pod runs, or whose pods are fed by whoever drives them."""

    def attach(self, entry: PodEntry, pod: PodShell) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class PodFittings:
    """What differs between the shells of pods.

    Attributes
    ----------
    time, utc, sink, outputs, ahead_s
        As for `PodShell`.
    """

    time: PodTime
    sink: CueSink
    utc: PodUtc | None = None
    outputs: PodOutputs | None = None
    ahead_s: float = 0.0


class PodLink(Generic[Client]):
    """A pod's client, and the pod that it is for, once that is open.

    Attributes
    ----------
    on_early_message
        Called with what comes before the pod is open.
    """

    def __init__(self, identity: PodIdentity, wire: Wire[Client], firmware: str) -> None:
        self.identity, self.firmware = identity, firmware
        self.on_early_message: OnMessage = lambda _: None
        self._pod: PodShell | None = None
        self._now: Callable[[], float] = float
        self._headband: Callable[[], HeadbandStatus | None] = lambda: None
        will = to_message(status(identity, firmware, online=False))
        self.client = wire.client(
            identity.pod, will=will, on_link=self._on_link, on_message=self.on_message, lasting=True
        )

    def attach(
        self,
        pod: PodShell,
        now: Callable[[], float],
        headband: Callable[[], HeadbandStatus | None] = lambda: None,
    ) -> None:
        """Hand link events and messages to this pod from now on; that the link is up, at once."""
        self._pod, self._now, self._headband = pod, now, headband
        if self.client.is_connected:
            self._on_link(LinkUp(session_present=False))

    def on_message(self, message: MqttMessage) -> None:
        if self._pod is None:
            self.on_early_message(message)
        else:
            self._pod.on_message(message, self._now())

    def _on_link(self, event: LinkEvent) -> None:
        if self._pod is not None:
            self._pod.on_link(event, self._now(), self._headband())


def link_pod(
    settings: SanctuarySettings,
    secret: bytes,
    boot: str,
    entry: PodEntry,
    wire: Wire[Client],
    firmware: str = "gateway",
) -> PodLink[Client]:
    """Make the client of a pod, which is opened later; parameters as for `Site`."""
    return PodLink(identity_of(NightPlan(settings, secret, boot, 0, 0.0, {}), entry), wire, firmware)


class GatewayLink(Generic[Client]):
    """A gateway's client and its shell, which is told of the link once every subscription is in force."""

    def __init__(
        self, wire: Wire[Client], name: str, make: Callable[[GatewayLink[Client]], CoordinatorShell]
    ) -> None:
        self._began = False
        self.shell = make(self)
        self.client = wire.client(
            name, will=self.shell.will, on_link=self._on_link, on_message=self.shell.on_message
        )

    def begin(self) -> None:
        """Tell the shell of the link from now on; that it is up, at once."""
        self._began = True
        if self.client.is_connected:
            self.shell.on_link(LinkUp(session_present=False))

    def publish(self, message: MqttMessage) -> None:
        self.client.publish(message)

    def dropped(self) -> int:
        return self.client.dropped

    def _on_link(self, event: LinkEvent) -> None:
        if self._began:
            self.shell.on_link(event)


class TimeLearner:
    """Asks for the sanctuary clock until it is known; a pod apart from its gateway begins with this.

    Attributes
    ----------
    refused
        Why the last answer was refused; empty where none was.
    """

    def __init__(self, link: PodLink[Client], clock: FollowedTime | SystemTime) -> None:
        self._me, self._client, self._clock = link.identity, link.client, clock
        self._topic = topics.time_response(self._me.site, self._me.pod)
        self.refused = ""
        link.on_early_message = self.on_message
        link.client.subscribe(self._topic)

    @property
    def source(self) -> TimeSource | None:
        """Whose clock it is; None before it is known."""
        return self._clock.source if self._clock.is_known else None

    def on_message(self, message: MqttMessage) -> None:
        if message.topic != self._topic:
            return
        try:
            self._clock.on_answer(unsealed(Kind.TIME, message, self._me.coordinator))
        except ProtocolError as error:
            self.refused = str(error)

    def tick(self) -> None:
        """Ask, if it is time to."""
        request = self._clock.ask()
        if request is not None:
            self._client.publish(MqttMessage(topics.time_request(self._me.site, self._me.pod), request, 0))


class Site(Generic[Client]):
    """What runs on one computer.

    Parameters
    ----------
    settings
        Of the whole site.
    samples
        Feeds the pods.
    wire
        Makes clients of the broker.
    clock
        The computer's clocks.
    store
        What outlives a restart: keys, terms, consent, memories.
    log
        Takes the records of everything here.
    boot
        Id of this start; never used before at this broker.
    secret
        Bytes from which pod and coordinator keys are derived; by default those of the store.
    designs
        By the names that circles use; by default they are loaded.
    """

    def __init__(
        self,
        settings: SanctuarySettings,
        samples: Samples,
        wire: Wire[Client],
        clock: HostClock,
        store: SiteStore,
        *,
        log: EventSink,
        boot: str,
        secret: bytes | None = None,
        designs: Mapping[str, LoadedDesign] | None = None,
        firmware: str = "gateway",
    ) -> None:
        self.settings, self.samples, self.wire, self.clock, self.store = settings, samples, wire, clock, store
        self.log, self.boot, self.firmware = log, boot, firmware
        self.secret = store.secret() if secret is None else secret
        self.designs = designs_of(settings.circles) if designs is None else designs

    def _plan(
        self,
        utc_at_zero_s: float = 0.0,
        term: int = 0,
        boot: str | None = None,
        consent: Mapping[str, tuple[bytes, ...]] = MappingProxyType({}),
    ) -> NightPlan:
        return NightPlan(self.settings, self.secret, boot or self.boot, term, utc_at_zero_s, consent)

    def link_pod(self, entry: PodEntry) -> PodLink[Client]:
        """Make the client of a pod, which is opened later."""
        return link_pod(self.settings, self.secret, self.boot, entry, self.wire, self.firmware)

    def open_pod(
        self, entry: PodEntry, link: PodLink[Client], utc_at_zero_s: float, fittings: PodFittings
    ) -> PodShell:
        """Make a pod as it was left: with its memory, and with the consent that its sleeper has given.

        Raises
        ------
        InputError
            Its memory or consent cannot be read.
        SanctuaryError
            An entry of consent is none.
        """
        memories = PodMemories(self.store.folder, self.store.disk)
        memory, own_utc_s = memories.load(entry.id), self.clock.utc_s()
        if memory is not None:
            own_utc_s = memory.own_utc_s(own_utc_s, self.clock.boottime_s(), self.clock.boot_id)
        consent = {} if entry.is_simulated else {entry.id: self.store.consent(entry.id)}
        try:
            plan = self._plan(utc_at_zero_s, consent=consent)
            core = make_pod(plan, entry, self.designs, memory, own_utc_s)
        except ProtocolError as error:
            where = self.store.folder / "consent" / entry.id
            raise SanctuaryError(f"{where}: {error}; remove the entry, or have it signed anew") from error
        entries = None
        if not entry.is_simulated:
            entries = ConsentKeeper(entry.id, lambda raw: self.store.keep_consent(entry.id, raw))
        pod = PodShell(
            core,
            self.log,
            fittings.sink,
            link.client.publish,
            fittings.outputs,
            entries,
            MemoryKeeper(memories, self.clock),
            clock=fittings.time,
            utc=fittings.utc,
            ahead_s=fittings.ahead_s,
            firmware=self.firmware,
        )
        link.client.subscribe(*pod.subscriptions)
        self.samples.attach(entry, pod)
        return pod

    def open_gateway(
        self,
        clock: SiteClock,
        name: str | None = None,
        *,
        boot: str | None = None,
        shares_time: bool = False,
        listens_for_strangers: bool = False,
    ) -> GatewayLink[Client]:
        """Make a gateway, which goes on from the highest term that it has used.

        Parameters
        ----------
        clock
            The sanctuary clock, as this gateway has it.
        name
            Which of the site's gateways it is; by default the one that the settings name.
        shares_time
            Whether another gateway may tell the time instead; `clock` is a `SanctuaryClock` then.

        Raises
        ------
        InputError
            It cannot be told which gateway this is, or it is none of the site's; or its term cannot be read.
        """
        name = name or gateway_of(self.settings)
        term = self.store.term()
        core = make_gateway(self._plan(clock.began_utc_s, term, boot), self.designs, name)

        def make(link: GatewayLink[Client]) -> CoordinatorShell:
            duty = None
            if shares_time and isinstance(clock, SanctuaryClock):
                duty = ClockDuty(self.settings.site, core, clock, link.publish, self.clock)
            return CoordinatorShell(
                self.settings.site.id,
                core,
                self.log,
                link.publish,
                clock,
                boottime=self.clock.boottime_s,
                keep_term=self.store.keep_term,
                dropped=link.dropped,
                duty=duty,
                strangers=Strangers(core.key.verify_key) if listens_for_strangers else None,
            )

        return GatewayLink(self.wire, name, make)


def new_boot() -> str:
    """Make an id for this start, never used before."""
    return f"n{secrets.token_hex(6)}"
