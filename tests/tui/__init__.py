"""Tests of tui/."""
