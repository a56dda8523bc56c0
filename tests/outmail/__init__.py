"""Tests of outmail/."""
