"""A night: shells around the pods and their coordinator, and what the night leaves behind."""
