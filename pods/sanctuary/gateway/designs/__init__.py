"""Dream designs by day: found, rehearsed against the limits, drawn, made audible, signed."""
