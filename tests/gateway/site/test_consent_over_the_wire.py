"""Signed consent that reaches a pod over the broker: obeyed at once, kept for the next start."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pod_bench import ORIGIN, POD, SITE, PodBench, estimate, grant, sealed, window_bench, withdrawal
from recording_output import RecordingOutput
from sanctuary.commons.entries import signing_key, unseal
from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.event_log import EventLog
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.storage import ConsentKeeper, SiteStore
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.states import PodPhase
from sanctuary.pods.protocol import topics
from sanctuary.virtual_site.virtual_pod import Ear

WITHDRAWAL = sealed(withdrawal(2, prev=unseal(sealed(grant()), ORIGIN).digest))


class Shelf:
    """A disk that refuses some entries first."""

    def __init__(self, refuses: int = 0) -> None:
        self.kept: list[bytes] = []
        self.refuses = refuses

    def put(self, entry: bytes) -> None:
        self.refuses -= 1
        if self.refuses >= 0:
            raise InputError("the disk is full")
        self.kept.append(entry)


class Place:
    """A pod in whose window a cue sounds, with what its shell does."""

    def __init__(self, refuses: int = 0) -> None:
        bench: PodBench = window_bench()
        self.now_s = bench.now_s + 2.0
        self.sound = RecordingOutput(clock=lambda: self.now_s)
        self.shelf = Shelf(refuses)
        self.log = EventLog()
        self.runner = PodShell(
            bench.pod,
            self.log,
            Ear(lambda _cue, _at_s: None),
            lambda _: None,
            PodOutputs(POD, {Modality.SOUND: self.sound}),
            ConsentKeeper(POD, self.shelf.put),
        )
        self.runner.handle(happened.EstimateArrived(estimate(self.now_s)), self.now_s)
        assert self.sound.busy

    def receive(self, entry: bytes, topic: str = topics.consent(SITE, POD)) -> None:
        self.now_s += 0.1
        self.runner.on_message(MqttMessage(topic, entry, 1), self.now_s)

    def refusals(self) -> list[str]:
        return [line["reason"] for line in self.log.records if line.get("act") == "refused"]


def test_a_withdrawal_over_the_wire_silences_and_latches() -> None:
    place = Place()
    place.receive(WITHDRAWAL)
    assert place.sound.rendered[-1].stopped_s == place.now_s
    assert place.runner.pod.phase is PodPhase.WITHDRAWN
    assert place.shelf.kept == [WITHDRAWAL]


def test_an_entry_that_comes_twice_is_kept_once() -> None:
    place = Place()
    place.receive(WITHDRAWAL)
    place.receive(WITHDRAWAL)
    assert place.shelf.kept == [WITHDRAWAL]


@pytest.mark.parametrize(
    "entry",
    [
        b"noise",
        WITHDRAWAL[:-5] + b"AAA=\n",
        sealed(
            withdrawal(2, key=signing_key(b"\x99" * 32)),
            signing_key(b"\x99" * 32),
        ),
    ],
)
def test_a_forged_entry_changes_nothing_and_is_not_kept(entry: bytes) -> None:
    place = Place()
    place.receive(entry)
    assert place.sound.busy
    assert place.runner.pod.phase is PodPhase.IN_WINDOW
    assert len(place.refusals()) == 1
    assert place.shelf.kept == []


def test_the_topic_is_subscribed_and_an_entry_elsewhere_is_no_consent() -> None:
    place = Place()
    assert topics.consent(SITE, POD) in place.runner.subscriptions
    place.receive(WITHDRAWAL, topics.command(SITE, POD))
    assert place.runner.pod.phase is PodPhase.IN_WINDOW


def test_what_was_kept_is_read_at_the_next_start(tmp_path: Path) -> None:
    store = SiteStore(tmp_path / "site")
    entries = [sealed(grant()), WITHDRAWAL]
    for entry in [*entries, WITHDRAWAL]:
        store.keep_consent(POD, entry)
    assert sorted(SiteStore(tmp_path / "site").consent(POD)) == sorted(entries)


def test_a_withdrawal_that_the_disk_refuses_is_in_the_memory_for_ever() -> None:
    place = Place(refuses=1)
    place.receive(WITHDRAWAL)
    assert place.shelf.kept == []
    memory = place.runner.memory
    assert memory is not None
    assert memory.latch == PodPhase.WITHDRAWN
    assert memory.withdrawn_here is not None
    assert memory.withdrawn_here[0] == 2, "only a grant after it ends it"
    place.runner.tick(place.now_s + 1.0)
    assert place.shelf.kept == [WITHDRAWAL], "kept later"


def test_a_grant_that_the_disk_refuses_withdraws_nothing() -> None:
    place = Place(refuses=1)
    place.receive(sealed(grant(2)))
    assert place.runner.pod.phase is PodPhase.IN_WINDOW
    assert place.runner.memory is None or place.runner.memory.withdrawn_here is None


def test_entries_that_wait_for_the_disk_are_kept_in_order_and_told_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, blocked = SiteStore(tmp_path / "site"), tmp_path / "site" / "consent"
    blocked.write_text("a file where a folder should be")
    keeper = ConsentKeeper(POD, partial(store.keep_consent, POD))
    assert not keeper.keep(sealed(grant()))
    assert not keeper.keep(WITHDRAWAL)
    keeper.retry()
    blocked.unlink()
    keeper.retry()
    keeper.retry()
    assert sorted(store.consent(POD)) == sorted([sealed(grant()), WITHDRAWAL])
    told = [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]
    assert len(told) == 2
    assert "cannot write a consent entry here" in told[0]
    assert told[1] == f"{POD}: its consent entries can be kept again"


def test_a_disk_that_takes_no_entry_is_told(tmp_path: Path) -> None:
    store = SiteStore(tmp_path / "site")
    (tmp_path / "site" / "consent").write_text("a file where a folder should be")
    with pytest.raises(InputError, match=r"consent.*cannot write a consent entry here"):
        store.keep_consent(POD, WITHDRAWAL)
