"""Results of nights as they are written and read: one frozen model a schema (see docs/results.md)."""
