"""The firmware bridge: codecs (sans-I/O), transports, headbands, recordings and outputs."""
