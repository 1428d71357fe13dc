"""Hypnodyne ZMax behind its vendor's server: lines, commands and scale, without I/O."""
