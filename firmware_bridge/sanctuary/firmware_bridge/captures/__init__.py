"""Captures: every byte that a headband sent, with its time, to be decoded again by the same codec."""
