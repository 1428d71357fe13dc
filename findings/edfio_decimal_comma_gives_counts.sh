#!/usr/bin/env bash
# edfio 0.4.18: a physical limit written with a decimal comma ("-1976,0", as sleep headbands' exporters on
# European locales do) is no error when samples are read: `signal.data` silently holds the digital counts.
# Only `signal.physical_range` raises. A reader that never asks for the range takes 1160 counts for 1160 uV
# where 70 uV were recorded. Seen: data starts with 1160.0; physical_range raises ValueError.
# Why it matters here: we spell the header's numbers with points before edfio sees them, and refuse a channel
# whose limits are no numbers.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check edfio==0.4.18 'numpy<3'
"$work/venv/bin/python" - "$work/night.edf" <<'PY'
import sys
import numpy as np
from edfio import Edf, EdfSignal, read_edf

path = sys.argv[1]
EdfSignal_ = EdfSignal(np.full(256, 70.0), 256, label="EEG L", physical_dimension="uV",
                       physical_range=(-1976.0, 1976.0))
Edf([EdfSignal_]).write(path)
raw = bytearray(open(path, "rb").read())
limits = 256 + 16 + 80 + 8  # one signal: label, transducer, unit; then physical minimum and maximum
raw[limits:limits + 8], raw[limits + 8:limits + 16] = b"-1976,0 ", b"1976,0  "
open(path, "wb").write(raw)
signal = read_edf(path).signals[0]
print("first sample:", signal.data[0], "(70 uV were written)")
assert abs(signal.data[0] - 1160) <= 1, "edfio now does something else with decimal commas"
try:
    signal.physical_range
except ValueError as error:
    print("physical_range raises ValueError:", error)
else:
    raise SystemExit("edfio now reads the range")
PY
echo "as described"
