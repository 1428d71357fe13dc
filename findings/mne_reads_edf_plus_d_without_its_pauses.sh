#!/usr/bin/env bash
# mne 1.13.2 and edfio 0.4.18: a discontinuous EDF+ file (EDF+D) whose records say that 10 s lie between the
# 30th and the 31st second is read as one stretch of 60 s, without an error, and by MNE without a warning.
# Everything behind the pause is 10 s early; an annotation behind it keeps its time, and so names other samples.
# Seen: MNE and edfio give 60 s, true length with the pause is 70 s; MNE's only words are none.
# Why it matters here: we keep pauses as NaN in their place, and what we write for others is continuous.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mne==1.13.2 edfio==0.4.18 'numpy<3'
"$work/venv/bin/python" - "$work/night.edf" <<'PY'
import sys
import warnings
import numpy as np
import mne
from edfio import read_edf

path, fs, seconds = sys.argv[1], 100, 60


def field(text, width):
    return str(text).encode("latin-1").ljust(width)


stamps = [b"+%d\x14\x14\0" % (i + (10 if i >= 30 else 0)) for i in range(seconds)]
header = field("0", 8) + field("X X X X", 80) + field("Startdate 01-FEB-2024 X X X", 80)
header += field("01.02.24", 8) + field("22.00.00", 8) + field(768, 8) + field("EDF+D", 44)
header += field(seconds, 8) + field(1, 8) + field(2, 4)
for eeg, marks, width in (("EEG AF7", "EDF Annotations", 16), ("", "", 80), ("uV", "", 8), (-500, -1, 8),
                          (500, 1, 8), (-32768, -32768, 8), (32767, 32767, 8), ("", "", 80), (fs, 16, 8), ("", "", 32)):
    header += field(eeg, width) + field(marks, width)
samples = np.random.default_rng(0).integers(-2000, 2000, (seconds, fs), dtype="<i2")
body = b"".join(row.tobytes() + stamp.ljust(32, b"\0") for row, stamp in zip(samples, stamps))
open(path, "wb").write(header + body)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    raw = mne.io.read_raw(path, verbose="error")
print(f"mne: {raw.n_times / raw.info['sfreq']:g} s, {len(said)} warnings; edfio: {read_edf(path).duration:g} s")
assert raw.n_times == seconds * fs and not said, "mne now tells pauses"
assert read_edf(path).duration == seconds, "edfio now tells pauses"
PY
echo "as described"
