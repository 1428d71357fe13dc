"""OpenBCI Cyton: frames, commands and scale, without I/O."""
