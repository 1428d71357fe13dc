"""Device events of a codec, taken off for assertions."""

from sanctuary.firmware_bridge.headbands.headband import Codec, DeviceEvent


def pop_events(codec: Codec) -> list[DeviceEvent]:
    """Take all events that wait, oldest first."""
    events = list(codec.events)
    codec.events.clear()
    return events
