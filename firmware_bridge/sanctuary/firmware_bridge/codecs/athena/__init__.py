"""Muse S Athena: packets of blocks over Bluetooth LE."""
