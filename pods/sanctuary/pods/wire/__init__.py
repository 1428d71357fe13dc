"""What crosses the wire: topics, messages, signed envelopes and the client that carries them."""
