"""What bytes travel over: serial ports, TCP and Bluetooth LE."""
