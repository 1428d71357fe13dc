"""What heads give off in sleep: background, waves, eyes, muscles, and the faults of electrodes."""
