"""A running site: pods and coordinator, the shells around them, clocks and storage."""
