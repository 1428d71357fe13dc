"""A Bluetooth radio without radio: ``org.bluez`` on a private D-Bus, with virtual headbands in reach."""
