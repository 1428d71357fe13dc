"""Dream designs: cue programmes as TOML files, known by the SHA-256 of their bytes.

A design says what is asked for; the sleeper's grant and the pod's limiter decide what is heard. A file
that asks for what no limiter setting could ever allow is refused when it is read, so that its author learns
of it by day. See ``docs/designs.md``.
"""

from sanctuary.commons.designs.design import SCHEMA, DesignFile, DreamDesign
from sanctuary.commons.designs.loading import (
    MAX_DESIGN_BYTES,
    LoadedDesign,
    design_hash,
    load_design,
    shipped_design,
)
from sanctuary.commons.designs.steps import MIN_GAP_S, Answer, Ask, Step, cue_for

__all__ = [
    "MAX_DESIGN_BYTES",
    "MIN_GAP_S",
    "SCHEMA",
    "Answer",
    "Ask",
    "DesignFile",
    "DreamDesign",
    "LoadedDesign",
    "Step",
    "cue_for",
    "design_hash",
    "load_design",
    "shipped_design",
]
