"""Somebody on the wire who has heard everything and has no key of ours; and old mail of our own coordinators.

A forger can repeat, alter and invent messages, and leave retained ones behind. What it cannot do is sign. Old
mail is genuinely signed: commands of an earlier term, of a time that is over, or of one far ahead, as a
broken coordinator or a queue that was stuck for hours might deliver them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random

from sanctuary.config.errors import ProtocolError
from sanctuary.gateway.site.assembly import derive_key
from sanctuary.gateway.site.coordinator_shell import SIMULATED
from sanctuary.gateway.site.pod_shell import to_message
from sanctuary.pods.clock.exchange import respond
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import IdSource
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, open_command, seal_line
from sanctuary.pods.protocol.messages import Command, Extend, PodStatus
from sanctuary.pods.protocol.topics import Channel
from sanctuary.virtual_site.host import HostWorld

REMEMBERED = 300
FAR_AHEAD_S = 120.0
HIGH_TERM = 2**40
FALSE_TIMES = 4
"""So many requests for the time are answered falsely, and sooner than truly."""
MOST_FALSE_S = 60.0


class Adversary:
    """Sends what should change nothing."""

    def __init__(self, world: HostWorld, rng: Random, on_sent: Callable[[], None]) -> None:
        self._world, self._rng, self._on_sent = world, rng, on_sent
        self._site = world.settings.site.id
        self._pods = [pod.id for pod in world.settings.pods]
        self._commands: deque[MqttMessage] = deque(maxlen=REMEMBERED)
        self._others: deque[MqttMessage] = deque(maxlen=REMEMBERED)
        key = derive_key(world.secret, "coordinator", self._site)
        self._theirs = key.verify_key
        self._stranger = CommandWriter(
            self._site, derive_key(b"stranger", "coordinator", self._site), HIGH_TERM, IdSource("stranger")
        )
        self._key = key
        self._mail = 0
        self.tricks: tuple[Callable[[], MqttMessage | None], ...] = (
            self._repeat_command,
            self._repeat_other,
            self._altered,
            self._misaddressed,
            self._strangers,
            self._expired,
            self._of_an_old_term,
            self._far_ahead,
            self._false_status,
            self._rubbish,
            self._false_time,
        )
        self._false_left, self._false_by_s = 0, 0.0

    def on_message(self, message: MqttMessage) -> None:
        """Listen in."""
        where = self._commands if message.topic.endswith("/cmd") else self._others
        where.append(message)
        if self._false_left and "/time/req/" in message.topic:
            self._false_left -= 1
            self._world.events.after(0.0, lambda: self._answer_falsely(message))

    def send(self, value: float) -> None:
        """Play one of the `tricks` or, where it needs something that was never heard, none."""
        message = self.tricks[int(value * len(self.tricks)) % len(self.tricks)]()
        if message is not None:
            self._on_sent()
            self._world.network.publish(message)

    def haunt(self, value: float) -> None:
        """Leave a retained message behind, where nobody should ever find one."""
        message = (self._repeat_command, self._altered, self._repeat_other)[int(value * 3) % 3]()
        if message is not None:
            self._on_sent()
            self._world.network.publish(replace(message, retain=True))

    # --- without a key ---

    def _repeat_command(self) -> MqttMessage | None:
        return self._some(self._commands)

    def _repeat_other(self) -> MqttMessage | None:
        found = self._some(self._others)
        if found is None or "/circles/" in found.topic or "/gateways/" in found.topic:
            return found
        return replace(found, retain=False)

    def _altered(self) -> MqttMessage | None:
        found = self._some(self._commands)
        if found is None:
            return None
        payload = bytearray(found.payload)
        at = self._rng.randrange(len(payload))
        payload[at] ^= 1 << self._rng.randrange(8)
        return replace(found, payload=bytes(payload))

    def _misaddressed(self) -> MqttMessage | None:
        found = self._some(self._commands)
        pod = self._rng.choice(self._pods)
        return None if found is None else replace(found, topic=topics.command(self._site, pod))

    def _strangers(self) -> MqttMessage | None:
        heard = self._newest(Extend)
        if heard is None:
            return None
        now_s, args = self._world.events.now_s, heard.args
        effect = self._stranger.extend(heard.pod, args.window, args.circle, now_s, now_s + 5.0)
        return to_message(effect)

    def _false_status(self) -> MqttMessage:
        pod = self._rng.choice(self._pods)
        status = PodStatus(online=self._rng.random() < 0.5, boot=f"b1-{pod}", fw="forged")
        return MqttMessage(topics.status(self._site, pod), status.to_bytes(), 1, retain=True)

    def _false_time(self) -> None:
        self._false_left, self._false_by_s = FALSE_TIMES, self._rng.uniform(-MOST_FALSE_S, MOST_FALSE_S)

    def _answer_falsely(self, request: MqttMessage) -> None:
        now_s = self._world.events.now_s + self._false_by_s
        answer = respond(request.payload, now_s, now_s, SIMULATED)
        topic = topics.time_response(self._site, request.topic.rpartition("/")[2])
        stranger = derive_key(b"stranger", "coordinator", self._site)
        self._on_sent()
        self._world.network.publish(MqttMessage(topic, seal_line(Kind.TIME, answer, stranger), 0))

    def _rubbish(self) -> MqttMessage:
        pod = self._rng.choice(self._pods)
        channel = self._rng.choice(
            (Channel.COMMAND, Channel.STATE, Channel.TIME_RESPONSE, Channel.TIME_REQUEST)
        )
        topic = str(topics.Topic(self._site, channel, pod))
        return MqttMessage(topic, self._rng.randbytes(self._rng.choice((0, 3, 200, 9000))), 0)

    # --- old mail ---

    def _expired(self) -> MqttMessage | None:
        heard = self._newest(Extend)
        if heard is None:
            return None
        now_s, args = self._world.events.now_s, heard.args
        return self._signed(heard.term, heard.pod, args.window, args.circle, now_s - 10.0, now_s - 1.0)

    def _of_an_old_term(self) -> MqttMessage | None:
        heard = self._newest(Extend)
        if heard is None or heard.term == 0:
            return None
        now_s, args = self._world.events.now_s, heard.args
        return self._signed(heard.term - 1, heard.pod, args.window, args.circle, now_s, now_s + 4.5)

    def _far_ahead(self) -> MqttMessage | None:
        heard = self._newest(Extend)
        if heard is None:
            return None
        now_s, args = self._world.events.now_s, heard.args
        return self._signed(heard.term, heard.pod, args.window, args.circle, now_s, now_s + FAR_AHEAD_S)

    def _signed(
        self, term: int, pod: str, window: str, circle: str, now_s: float, until_s: float
    ) -> MqttMessage:
        self._mail += 1
        commander = CommandWriter(self._site, self._key, term, IdSource(f"old-mail-{self._mail}"))
        return to_message(commander.extend(pod, window, circle, now_s, until_s))

    def _newest(self, kind: type[Extend]) -> Extend | None:
        """Find a command of a kind among those heard, the newest first."""
        for message in reversed(self._commands):
            try:
                command: Command = open_command(message.payload, self._theirs)
            except ProtocolError:
                continue
            if isinstance(command, kind):
                return command
        return None

    def _some(self, heard: deque[MqttMessage]) -> MqttMessage | None:
        return self._rng.choice(heard) if heard else None
