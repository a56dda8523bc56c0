"""Messages that are hostile and legal, for the tests of every way out."""
