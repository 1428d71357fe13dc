"""Codecs: one package or module a device, from wire bytes to microvolts, without I/O."""
