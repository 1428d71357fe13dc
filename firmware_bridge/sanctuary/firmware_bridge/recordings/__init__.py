"""Recordings: nights and hypnograms read from files, streamed as the same blocks a headband sends."""
