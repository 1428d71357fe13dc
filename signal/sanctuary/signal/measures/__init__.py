"""Measures of sleep EEG: one number per row from a spectrum, a finished waveform or a pair of channels."""
