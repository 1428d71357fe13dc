"""OpenBCI Ganglion, firmware 2 and 3, over Bluetooth LE."""
