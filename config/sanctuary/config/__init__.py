"""Settings: typed models, loading, and the errors that every room shares."""
