"""Replay: a recorded night through the chain, judged and reported."""
