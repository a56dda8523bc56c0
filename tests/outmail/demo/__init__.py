"""Tests of the practice tenant."""
