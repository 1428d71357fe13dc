"""Dream designs: cue programmes as TOML files, known by the SHA-256 of their bytes.

A design says what is asked for; the sleeper's grant and the pod's limiter decide what is heard. A file
that asks for what no limiter setting could ever allow is refused when it is read, so that its author learns
of it by day. See ``docs/designs.md``.
"""

from sanctuary.commons.designs.design import (
    MIN_GAP_S,
    SCHEMA,
    Answer,
    Ask,
    DesignFile,
    DreamDesign,
    Step,
    answer_number,
    cue_for,
    first_room_s,
    leaves_room,
    next_step_s,
)
from sanctuary.commons.designs.design_files import (
    MAX_DESIGN_BYTES,
    LoadedDesign,
    design_hash,
    load_design,
    shipped_design,
)

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
    "answer_number",
    "cue_for",
    "design_hash",
    "first_room_s",
    "leaves_room",
    "load_design",
    "next_step_s",
    "shipped_design",
]
