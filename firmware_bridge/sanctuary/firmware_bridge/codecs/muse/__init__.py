"""Muse 2016, Muse 2 and Muse S over their classic GATT."""
