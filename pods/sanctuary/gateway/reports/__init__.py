"""Reports of a night: one self-contained HTML file each, in the reader's light or dark theme."""
