"""Fleets in virtual time: sites of pods and a coordinator, their faults, and what came of their nights."""
