"""Training: scored nights in, a model file with its provenance out."""
