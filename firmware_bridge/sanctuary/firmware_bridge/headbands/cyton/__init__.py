"""OpenBCI Cyton, with and without Daisy."""
