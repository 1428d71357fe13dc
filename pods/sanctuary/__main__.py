"""``python -m sanctuary``."""

from sanctuary.cli.main import main

if __name__ == "__main__":
    main()
