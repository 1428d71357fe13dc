"""The picture of a design: lanes where there is something to see, in the colours of the cues."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from sanctuary.commons.designs import shipped_design
from sanctuary.config.site_settings import LimiterSettings
from sanctuary.gateway.designs.preview import rehearse
from sanctuary.gateway.designs.timeline import DPI, FOOT_IN, GAP_IN, HEAD_IN, LANE_IN, WIDTH_IN, timeline_png
from sanctuary.gateway.reports.page import PALETTE

AMBER = "#ffbf00"


def picture(name: str, limits: LimiterSettings | None = None) -> tuple[bytes, np.ndarray]:
    loaded = shipped_design(name)
    limits = limits or LimiterSettings()
    rehearsal = rehearse(loaded.design, limits, window_s=loaded.design.length_s, threshold_dba=30.0)
    png = timeline_png(loaded.design.title, "by somebody", rehearsal, loaded.files)
    return png, np.rint(255 * imread(BytesIO(png))[:, :, :3]).astype(int)


def amount(image: np.ndarray, colour: str) -> int:
    """Pixels of a colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(image - wanted).max(axis=2) <= 2).sum())


@pytest.mark.parametrize(
    ("name", "lanes"), [("amber-breath", 2), ("duet", 2), ("spoken-seed", 1), ("silence", 1), ("tide", 2)]
)
def test_there_is_a_lane_for_each_kind_of_cue_of_each_part(name: str, lanes: int) -> None:
    _, image = picture(name)
    height_in = HEAD_IN + FOOT_IN + lanes * LANE_IN + (lanes - 1) * GAP_IN
    assert image.shape[:2] == (pytest.approx(DPI * height_in, abs=1), DPI * WIDTH_IN)


def test_cues_are_drawn_in_their_colours() -> None:
    breath, silence = (picture(name)[1] for name in ("amber-breath", "silence"))
    _, short_block = picture("tide", LimiterSettings(cues_per_block=5))
    sound, refused = PALETTE["accent"].light, PALETTE["alarm"].light
    assert amount(breath, AMBER) > 1000
    assert amount(breath, sound) > 1000
    assert amount(breath, refused) == 0
    assert amount(short_block, refused) > 100
    assert amount(silence, sound) == amount(silence, AMBER) == 0


def test_the_same_design_gives_the_same_bytes() -> None:
    assert picture("duet")[0] == picture("duet")[0]
