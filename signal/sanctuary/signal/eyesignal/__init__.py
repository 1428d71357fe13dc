"""The voluntary left-right-left-right eye signal of lucid-dream research."""
