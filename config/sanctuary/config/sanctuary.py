"""The root of all settings: one table of ``sanctuary.toml`` per concern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field, ValidationInfo, field_validator

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.headband_settings import address_of
from sanctuary.config.pod_settings import CircleEntry, PodEntry, driven, sight_findings
from sanctuary.config.settings_base import Finding, Settings, did_you_mean, raise_findings
from sanctuary.config.site_settings import (
    ClockSettings,
    CoordinatorSettings,
    LeadershipSettings,
    LimiterSettings,
    PodSettings,
    RecordSettings,
    SiteSettings,
)
from sanctuary.config.sleeper_settings import SleeperSettings


class SanctuarySettings(Settings):
    """Everything that can be set.

    The order of the fields matters: a check that spans tables belongs to the later one and runs only if
    the earlier one is sound, so that it never blames a value that is right.
    """

    site: SiteSettings = SiteSettings()
    """The sanctuary itself."""
    chain: ChainSettings = ChainSettings()
    """Signal chain: quality, normalisation, staging, arousal and the REM gate."""
    limiter: LimiterSettings = LimiterSettings()
    """The last stage before an output: levels, rates and budgets."""
    pod: PodSettings = PodSettings()
    """When a pod trusts its headband, its clock and its coordinator."""
    coordinator: CoordinatorSettings = CoordinatorSettings()
    """When windows are offered, opened, kept alive and closed."""
    # The section keeps the name that it has in settings files; in the code it is leadership.
    tenure: LeadershipSettings = LeadershipSettings()
    """How gateways agree on which of them leads a circle."""
    broker: BrokerSettings = BrokerSettings()
    """Which broker carries the messages, and how patient its clients are."""
    clock: ClockSettings = ClockSettings()
    """How gateways and pods agree on the time."""
    record: RecordSettings = RecordSettings()
    """What each night leaves behind."""
    sleepers: SleeperSettings = SleeperSettings()
    """Simulated sleepers: their nights, how they differ, and what disturbs their signals."""
    pods: tuple[PodEntry, ...] = Field((), max_length=64)
    """The pods, one `[[pods]]` table each."""
    circles: tuple[CircleEntry, ...] = Field((), max_length=64)
    """The circles, one `[[circles]]` table each."""

    @field_validator("coordinator")
    @classmethod
    def _suits_its_pods(cls, coordinator: CoordinatorSettings, info: ValidationInfo) -> CoordinatorSettings:
        pod = info.data.get("pod")
        if isinstance(pod, PodSettings):
            raise_findings(list(_coordinator_findings(coordinator, pod)))
        return coordinator

    @field_validator("pods")
    @classmethod
    def _pods_differ(cls, pods: tuple[PodEntry, ...]) -> tuple[PodEntry, ...]:
        raise_findings(
            [
                *_repeated([pod.id for pod in pods], "pod", ("id",)),
                *_repeated([pod.sleeper for pod in pods], "pod", ("sleeper",)),
                *_repeated([pod.sleeper_key for pod in pods], "pod", ("sleeper_key",)),
                *_repeated_places(pods),
                *_repeated_devices(pods),
                *sight_findings(pods),
            ]
        )
        return pods

    @field_validator("circles")
    @classmethod
    def _circles_fit_pods(
        cls, circles: tuple[CircleEntry, ...], info: ValidationInfo
    ) -> tuple[CircleEntry, ...]:
        findings = list(_repeated([circle.id for circle in circles], "circle", ("id",)))
        if "pods" in info.data:
            findings += _member_findings(circles, info.data["pods"])
        raise_findings(findings)
        return circles


def _coordinator_findings(coordinator: CoordinatorSettings, pod: PodSettings) -> Iterator[Finding]:
    lead_s, valid_for_s = coordinator.lead_s, coordinator.valid_for_s
    if lead_s <= pod.min_lead_s:
        text = f"= {lead_s} leaves no time for delivery above pod.min_lead_s = {pod.min_lead_s}"
        yield Finding(("lead_s",), text, against=("pod", "min_lead_s"))
    if lead_s > pod.max_lead_s:
        text = f"= {lead_s} would be refused by pods: pod.max_lead_s = {pod.max_lead_s}"
        yield Finding(("lead_s",), text, against=("pod", "max_lead_s"))
    if valid_for_s > pod.keepalive_limit_s:
        text = f"= {valid_for_s} would be refused by pods: pod.keepalive_limit_s = {pod.keepalive_limit_s}"
        yield Finding(("valid_for_s",), text, against=("pod", "keepalive_limit_s"))


def _repeated(values: Iterable[str | None], what: str, path: tuple[str, ...]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for at, value in enumerate(values):
        if value is not None and first.setdefault(value, at) != at:
            yield Finding((at, *path), f'= "{value}" belongs to {what}s[{first[value]}] already')


def _repeated_places(pods: tuple[PodEntry, ...]) -> Iterator[Finding]:
    """Two pods cannot share one headband."""
    first: dict[str, int] = {}
    for at, pod in enumerate(pods):
        setting, place = address_of(pod.headband)
        if place is not None and first.setdefault(place.casefold(), at) != at:
            text = f'= "{place}" belongs to pods[{first[place.casefold()]}] already'
            yield Finding((at, "headband", setting), text)


def _repeated_devices(pods: tuple[PodEntry, ...]) -> Iterator[Finding]:
    """Two pods cannot share a loudspeaker, lamp or pin: their levels would add up, their stops mix."""
    first: dict[tuple[str, object], int] = {}
    for at, pod in enumerate(pods):
        for path, what, value in driven(pod.devices):
            if first.setdefault((what, value), at) != at:
                shown = f'"{value}"' if isinstance(value, str) else value
                text = f"= {shown} belongs to pods[{first[what, value]}] already"
                yield Finding((at, "devices", *path), text)


def _member_findings(circles: tuple[CircleEntry, ...], pods: tuple[PodEntry, ...]) -> Iterator[Finding]:
    known = {pod.id: pod for pod in pods}
    for at, circle in enumerate(circles):
        for position, member in enumerate(circle.members):
            if member not in known:
                hint = did_you_mean(member, list(known), f"pods: {', '.join(known) or 'none'}")
                yield Finding((at, "members", position), f'= "{member}" is not the id of a pod; {hint}')
            elif not known[member].is_simulated and known[member].sleeper_key is None:
                yield Finding(
                    (at, "members", position),
                    f'= "{member}" has no sleeper_key: a person takes part by consent signed with a key',
                )
