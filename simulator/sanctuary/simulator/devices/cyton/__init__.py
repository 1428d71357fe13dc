"""A virtual OpenBCI Cyton."""
