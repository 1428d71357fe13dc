"""InteraXon Muse headbands, from the first to the Athena."""
