"""outmail: outgoing mail, set up, proven and run from a terminal."""
