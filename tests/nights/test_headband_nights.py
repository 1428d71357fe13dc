"""Every kind of headband through part of a rough night, in accelerated time.

Disconnections, one percent lost, bursts of garbage, late and bunched arrivals and a crystal that is off:
every sample that survives stands at the moment at which it was taken, every other one is marked. Whole
nights are slept in ``benchmarks/rough_nights.py``.
"""

from __future__ import annotations

import pytest

from headband_nights import RADIO_KINDS, SERIAL_KINDS, sleep, slept
from rough_night import UNPLUGGED, Night, spread_outages
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS

HOURS = 0.08
OUTAGES = 3
SEED = 3
LATEST_MS = 20.0
"""Some samples wait for what confirms them, those of an Athena for a packet of a tenth of a second."""


@pytest.mark.parametrize(
    ("kind", "options"),
    [*((kind, {}) for kind in (*SERIAL_KINDS, *RADIO_KINDS)), ("ganglion", {"firmware": 2})],
    ids=[*SERIAL_KINDS, *RADIO_KINDS, "ganglion2"],
)
@pytest.mark.parametrize("ppm", [200.0, -3000.0])
def test_a_rough_night(kind: str, options: dict[str, object], ppm: float) -> None:
    night = Night(HOURS, ppm, SEED, spread_outages(OUTAGES, HOURS, SEED), garbage_every_s=60.0)
    verdict = slept(kind, night, **options)
    assert night.connections == OUTAGES + 1
    assert [line == "back" for line in night.said] == [False, True] * OUTAGES
    assert all(UNPLUGGED in line for line in night.said[::2])
    assert night.bursts > 0
    assert verdict.wrong <= 1e-4 * verdict.survived  # garbage that looks like a packet without a checksum
    assert verdict.error_ms[1] <= LATEST_MS
    out_s = sum(length for _, length in night.outages) + 8.0 * OUTAGES  # and coming back
    there = 1.0 - out_s / (HOURS * 3600.0)
    lossy = 0.45 if options.get("firmware") == 2 else 0.9  # differences heal at the next plain sample only
    assert verdict.survived >= lossy * there * HOURS * 3600.0 * DRIVERS[kind].fs_hz
    in_all = HOURS * 3600.0 * DRIVERS[kind].fs_hz * (1.0 + ppm * 1e-6)
    assert verdict.survived + verdict.marked == pytest.approx(in_all, rel=0.02)


@pytest.mark.parametrize("kind", ["thinkgear", "ganglion"])
def test_a_rough_night_is_the_same_each_time(kind: str) -> None:
    def night() -> Night:
        rough = Night(0.012, 200.0, SEED, spread_outages(2, 0.012, SEED), garbage_every_s=10.0)
        sleep(kind, rough)
        return rough

    first, second = night(), night()
    assert first.bursts > 0
    assert (first.bursts, first.said, first.taken_s) == (second.bursts, second.said, second.taken_s)
    assert [(block.start, block.end_s) for block in first.blocks] == [
        (block.start, block.end_s) for block in second.blocks
    ]
