"""One simulated night as a file: EDF+ with its truth as annotations, and the hypnogram as CSV.

Stages are written as the AASM names them in EDF+ files (``Sleep stage N2``), one annotation for each run of
equal 30 s epochs, beside arousals, turns of the body, cues and their responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from sanctuary.firmware_bridge.hypnograms import hypnogram_writing as writing
from sanctuary.firmware_bridge.recordings.edf_writing import night_format, record_count_field
from sanctuary.firmware_bridge.recordings.recording_source import Annotation
from sanctuary.signal.samples import Stage
from sanctuary.simulator.sleepers.cue_responses import Outcome, Response
from sanctuary.simulator.sleepers.simulated_night import EPOCH_S, Stretch, TruthNight
from sanctuary.simulator.sleepers.simulated_sleeper import CHANNELS, Sleeper

BEGIN = datetime(2000, 1, 1, 22, 30)  # noqa: DTZ001  EDF knows no time zones
"""Every simulated night begins then: the same seed gives the same bytes."""
RANGE_UV = 2000.0
_AROUSAL, _TURN, _LIGHTS_OUT = "EEG arousal", "Body turn", "Lights out"


def scored(truth: TruthNight) -> tuple[Stretch, ...]:
    """Join equal epochs, as a scorer writes them down; an unfinished last epoch is left out."""
    found, at_s = [], 0.0
    for stage, run in groupby(truth.epochs()):
        length_s = EPOCH_S * len(list(run))
        found.append(Stretch(at_s, length_s, Stage(int(stage))))
        at_s += length_s
    return tuple(found)


def marks(sleeper: Sleeper) -> list[Annotation]:
    """Everything that a perfect scorer marks in a sleeper's night, in order."""
    truth = sleeper.truth
    found = [
        Annotation(each.onset_s, each.duration_s, f"Sleep stage {each.stage.name}") for each in scored(truth)
    ]
    found += [Annotation(each.onset_s, each.duration_s, _AROUSAL) for each in truth.arousals]
    found += [Annotation(each.onset_s, each.duration_s, _TURN) for each in truth.turns]
    found.append(Annotation(truth.lights_out_s, None, _LIGHTS_OUT))
    for response in sleeper.responses:
        found += _of_cue(response)
    return sorted(found, key=lambda mark: mark.onset_s)


def edf_bytes(sleeper: Sleeper) -> Iterator[bytes]:
    """Render a sleeper's night, from its beginning to its end, as an EDF+ file.

    Parameters
    ----------
    sleeper
        One of whom nothing has been rendered; cues given so far are part of the night.

    Yields
    ------
    The header, then a data record for each second.

    Raises
    ------
    ValueError
        More marks than the file has room for.
    """
    n_records = int(sleeper.truth.duration_s)
    layout = night_format(sleeper.fs_hz, CHANNELS, BEGIN, range_uv=RANGE_UV)
    place, count = record_count_field(n_records)
    yield layout.header[:place] + count + layout.header[place + len(count) :]
    notes = marks(sleeper)
    for index in range(n_records):
        uv = sleeper.render(layout.samples)
        record, fitted = layout.record(index, layout.digitise(uv), notes)
        del notes[:fitted]
        yield record
    if notes:
        raise ValueError(f"{len(notes)} marks do not fit into a night of {n_records} s")


def hypnogram_csv(truth: TruthNight) -> str:
    """Write the stages of a night's epochs as CSV, one a line."""
    return writing.hypnogram_csv([Stage(int(stage)) for stage in truth.epochs()], EPOCH_S)


def _of_cue(response: Response) -> Sequence[Annotation]:
    unit = " dBA" if response.modality == "sound" else ""
    text = f"Cue {response.modality} {response.level:g}{unit}: {response.outcome}"
    if response.incorporated:
        text += ", incorporated"
    found = [Annotation(response.at_s, None, text)]
    if response.arousal is not None and response.outcome is not Outcome.AWAKE:
        found.append(
            Annotation(response.arousal.onset_s, response.arousal.duration_s, f"{_AROUSAL} after cue")
        )
    if response.signal_at_s is not None:
        found.append(Annotation(response.signal_at_s, None, "Eye signal LRLR"))
    return found
