"""The coordinator: offers, windows and keep-alives."""
