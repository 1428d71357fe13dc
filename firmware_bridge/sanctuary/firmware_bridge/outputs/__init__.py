"""Outputs: where a limited cue becomes sound, light or touch."""
