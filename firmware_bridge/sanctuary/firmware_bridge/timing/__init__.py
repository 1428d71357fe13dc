"""When samples were taken: the device's own count against this machine's monotonic clock."""
