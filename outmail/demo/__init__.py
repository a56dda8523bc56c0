"""The practice tenant: mail servers on loopback, with faults to switch, for learning and for tests."""
