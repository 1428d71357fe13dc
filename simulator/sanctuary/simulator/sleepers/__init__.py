"""Simulated sleepers: a hidden true night, and the two channels of a headband that follow from it."""
