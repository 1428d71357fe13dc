"""NeuroSky ThinkGear headsets: frames and scale, without I/O."""
