"""The simulator: sleepers, their physiology, and virtual headbands that speak true bytes."""
