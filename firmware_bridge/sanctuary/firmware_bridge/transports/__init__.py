"""Transports: thin shells around ports; they move bytes and name troubles."""
