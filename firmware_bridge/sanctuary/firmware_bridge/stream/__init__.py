"""From a driver to placed samples: reading, reconnecting, the sample clock."""
