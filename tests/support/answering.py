"""Designs with an answer to an eye signal."""

from __future__ import annotations

from pod_bench import DESIGN_TOML
from sanctuary.commons.designs import load_design

ANSWER = """
[answer]
signal = "lrlr"
max_per_window = 2
modality = "sound"
level_dba = 33.0
duration_s = 4.0
fade_s = 1.0
tones_hz = [330.0]
"""
SPARSE = """
schema = "sanctuary.design.v1"
title = "Sparse"
author = "Tests"
licence = "CC0-1.0"
length_s = 240.0
[[steps]]
at_s = 0.0
modality = "sound"
level_dba = 34.0
duration_s = 6.0
fade_s = 2.0
tones_hz = [110.0]
[[steps]]
at_s = 120.0
modality = "sound"
level_dba = 34.0
duration_s = 6.0
fade_s = 2.0
tones_hz = [110.0]
"""
ANSWERING = load_design((SPARSE + ANSWER).encode(), "answering.toml")
MUTE = load_design(SPARSE.encode(), "mute.toml")
DENSE = load_design((DESIGN_TOML + ANSWER).encode(), "dense.toml")
SPACED = load_design(
    (
        SPARSE.replace("length_s = 240.0", "length_s = 100.0\nlooping = true").replace("120.0", "50.0")
        + ANSWER
    ).encode(),
    "spaced.toml",
)
"""A step every 50 s, so that there is room for one answer between any two."""
DUET = load_design(
    (
        SPARSE.replace("length_s = 240.0", "length_s = 240.0\nparts = 2").replace(
            "at_s = 120.0", "part = 2\nat_s = 60.0"
        )
        + ANSWER.replace("max_per", "part = 1\nmax_per")
    ).encode(),
    "duet.toml",
)
