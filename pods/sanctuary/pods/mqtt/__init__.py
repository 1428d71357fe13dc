"""The MQTT client and the brokers that we start."""
