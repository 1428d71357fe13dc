"""Torture: sites in virtual time, under every fault that a seed can draw, with all invariants watched."""
