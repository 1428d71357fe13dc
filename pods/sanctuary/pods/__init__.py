"""Pods and their coordination: state machines, limiter, windows, and the wire between them."""
