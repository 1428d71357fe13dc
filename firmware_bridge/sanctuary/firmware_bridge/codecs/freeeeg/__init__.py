"""FreeEEG32: frames over a serial port."""
