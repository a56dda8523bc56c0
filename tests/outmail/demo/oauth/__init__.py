"""Tests of the practice authority."""
