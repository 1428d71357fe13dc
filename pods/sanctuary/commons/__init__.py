"""The commons: consent and the dream designs it covers."""
