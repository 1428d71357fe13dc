"""Drivers: for each kind of headband its link, its codec and the conversation that makes it stream."""
