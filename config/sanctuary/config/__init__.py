"""Settings: typed models, loading, and the errors that every room shares."""

__version__ = "0.1.0"
"""Version of the whole program."""
