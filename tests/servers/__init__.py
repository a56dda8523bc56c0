"""Servers that tests talk to: real ones of Debian's, and scripted ones; on loopback and free ports."""
