"""The pod: its state machine and what it decides."""
