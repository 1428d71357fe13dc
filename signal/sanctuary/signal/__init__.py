"""The signal room: from microvolts to the gate's verdict, causally."""
