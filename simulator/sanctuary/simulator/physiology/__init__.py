"""Signals at the forehead in sleep: background EEG, single waves, eyes, muscles, pulse, and electrodes."""
