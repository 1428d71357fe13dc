"""``python -m sanctuary``."""

from sanctuary.gateway.cli import main

if __name__ == "__main__":
    main()
