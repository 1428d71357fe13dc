"""Hypnograms: an expert's sleep stages of a night, read from many kinds of files, and written."""
