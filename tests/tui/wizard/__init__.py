"""The wizard, by keys alone, against real servers on loopback."""
