"""One place per headband: its wire format, its codec and its driver."""
