"""Topics, one function each, and the way back.

::

    sanctuary/v1/<site>/pods/<pod>/up/status            retained; also the pod's last will
    sanctuary/v1/<site>/pods/<pod>/up/state             retained snapshot
    sanctuary/v1/<site>/pods/<pod>/up/event/<kind>      what happened there, such as lease
    sanctuary/v1/<site>/pods/<pod>/up/metrics           numbers; reserved
    sanctuary/v1/<site>/pods/<pod>/up/signal/<stream>   sample blocks, never bridged; reserved
    sanctuary/v1/<site>/pods/<pod>/up/reply             what became of a command
    sanctuary/v1/<site>/pods/<pod>/down/cmd             commands, never retained
    sanctuary/v1/<site>/pods/<pod>/down/consent         entries signed by the sleeper, never retained
    sanctuary/v1/<site>/pods/<pod>/down/desired         settings, retained; reserved
    sanctuary/v1/<site>/all/cmd                         commands to every pod, never retained
    sanctuary/v1/<site>/time/req/<pod>, time/rsp/<pod>  the sanctuary clock, asked and told
    sanctuary/v1/<site>/circles/<circle>/claim          a gateway's claim, retained
    sanctuary/v1/<site>/gateways/<gateway>/status       retained; also the gateway's last will

Ids are ``[a-z0-9-]``: no slash, space, dot or wildcard can get into a topic through one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from sanctuary.config.errors import ProtocolError

ROOT = "sanctuary/v1"
ID_PATTERN = r"[a-z0-9-]{1,64}"
REMEMBERED = 65_536
"""Topics whose parts, and parts whose topic, are remembered: a site uses the same ones all night."""

Qos = Literal[0, 1]
"""At most once, or at least once. Level 2 is left out: receivers tell duplicates by the id in the payload."""

_ID = re.compile(ID_PATTERN)


class Channel(StrEnum):
    """What a topic is for."""

    STATUS = "up/status"
    STATE = "up/state"
    EVENT = "up/event"
    METRICS = "up/metrics"
    SIGNAL = "up/signal"
    REPLY = "up/reply"
    COMMAND = "down/cmd"
    CONSENT = "down/consent"
    DESIRED = "down/desired"
    BROADCAST = "all/cmd"
    TIME_REQUEST = "time/req"
    TIME_RESPONSE = "time/rsp"
    CLAIM = "circles/claim"
    GATEWAY_STATUS = "gateways/status"


_WITH_LEAF = frozenset({Channel.EVENT, Channel.SIGNAL})
_OF_GATEWAYS = frozenset({Channel.CLAIM, Channel.GATEWAY_STATUS})


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart.

    `pod` is empty for the broadcast and between gateways; `leaf` names an event, stream, circle or gateway.
    """

    site: str
    channel: Channel
    pod: str = ""
    leaf: str = ""

    def __str__(self) -> str:
        return _written(self)

    def written(self) -> str:
        """Write it; raises `ProtocolError` where one of its parts is no id."""
        if self.channel is Channel.BROADCAST:
            return f"{ROOT}/{_checked(self.site)}/{self.channel}"
        if self.channel in _OF_GATEWAYS:
            kind, _, name = self.channel.partition("/")
            return f"{ROOT}/{_checked(self.site)}/{kind}/{_checked(self.leaf)}/{name}"
        site, pod = _checked(self.site), _checked(self.pod)
        if self.channel in (Channel.TIME_REQUEST, Channel.TIME_RESPONSE):
            return f"{ROOT}/{site}/{self.channel}/{pod}"
        leaf = f"/{_checked(self.leaf)}" if self.channel in _WITH_LEAF else ""
        return f"{ROOT}/{site}/pods/{pod}/{self.channel}{leaf}"


def status(site: str, pod: str) -> str:
    return str(Topic(site, Channel.STATUS, pod))


def state(site: str, pod: str) -> str:
    return str(Topic(site, Channel.STATE, pod))


def event(site: str, pod: str, kind: str) -> str:
    return str(Topic(site, Channel.EVENT, pod, kind))


def metrics(site: str, pod: str) -> str:
    return str(Topic(site, Channel.METRICS, pod))


def signal(site: str, pod: str, stream: str) -> str:
    return str(Topic(site, Channel.SIGNAL, pod, stream))


def reply(site: str, pod: str) -> str:
    return str(Topic(site, Channel.REPLY, pod))


def command(site: str, pod: str) -> str:
    return str(Topic(site, Channel.COMMAND, pod))


def consent(site: str, pod: str) -> str:
    return str(Topic(site, Channel.CONSENT, pod))


def desired(site: str, pod: str) -> str:
    return str(Topic(site, Channel.DESIRED, pod))


def broadcast(site: str) -> str:
    return str(Topic(site, Channel.BROADCAST))


def time_request(site: str, pod: str) -> str:
    return str(Topic(site, Channel.TIME_REQUEST, pod))


def time_response(site: str, pod: str) -> str:
    return str(Topic(site, Channel.TIME_RESPONSE, pod))


def claim(site: str, circle: str) -> str:
    return str(Topic(site, Channel.CLAIM, leaf=circle))


def gateway_status(site: str, gateway: str) -> str:
    return str(Topic(site, Channel.GATEWAY_STATUS, leaf=gateway))


def all_pods(site: str, channel: Channel) -> str:
    """Name the subscription to one channel of every pod, circle or gateway of a site."""
    if channel is Channel.BROADCAST:
        return broadcast(site)
    if channel in _OF_GATEWAYS:
        kind, _, name = channel.partition("/")
        return f"{ROOT}/{_checked(site)}/{kind}/+/{name}"
    if channel in (Channel.TIME_REQUEST, Channel.TIME_RESPONSE):
        return f"{ROOT}/{_checked(site)}/{channel}/+"
    leaf = "/+" if channel in _WITH_LEAF else ""
    return f"{ROOT}/{_checked(site)}/pods/+/{channel}{leaf}"


@lru_cache(maxsize=REMEMBERED)
def parse(topic: str) -> Topic:
    """Take a topic apart.

    Raises
    ------
    ProtocolError
        It is none of ours.
    """
    parts = topic.split("/")
    if "/".join(parts[:2]) != ROOT or len(parts) < 4:
        raise ProtocolError(f"topic {topic[:120]!r}: not under {ROOT}/<site>/")
    found = _parsed(parts[2], parts[3:])
    if found is None or str(found) != topic:
        raise ProtocolError(f"topic {topic[:120]!r}: no such channel")
    return found


def is_id(text: str) -> bool:
    """Tell whether `text` may be the id of a site, pod, circle or stream."""
    return _ID.fullmatch(text) is not None


@lru_cache(maxsize=REMEMBERED)
def _written(topic: Topic) -> str:
    return topic.written()


def _parsed(site: str, rest: list[str]) -> Topic | None:
    channels = set(Channel)
    match rest:
        case ["all", "cmd"]:
            return Topic(site, Channel.BROADCAST)
        case ["time", way, pod] if f"time/{way}" in channels:
            return Topic(site, Channel(f"time/{way}"), pod)
        case ["circles" | "gateways" as kind, one, name] if f"{kind}/{name}" in channels:
            return Topic(site, Channel(f"{kind}/{name}"), leaf=one)
        case ["pods", pod, way, name] if f"{way}/{name}" in channels:
            return Topic(site, Channel(f"{way}/{name}"), pod)
        case ["pods", pod, way, name, leaf] if f"{way}/{name}" in _WITH_LEAF:
            return Topic(site, Channel(f"{way}/{name}"), pod, leaf)
    return None


def _checked(name: str) -> str:
    if not is_id(name):
        raise ProtocolError(f"id {name[:70]!r}: 1 to 64 of a-z, 0-9 and - expected")
    return name
