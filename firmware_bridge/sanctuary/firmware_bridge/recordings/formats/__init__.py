"""Readers of the text files that headbands' programs and boards write: one file a format."""
