"""What is said on the wire and in the log: topics, messages, envelopes, records."""
