"""Many sleepers at once, without their signals: virtual time, and what a chain would say of each of them."""
