"""Virtual headbands: boards that speak their true bytes, on real ports."""
