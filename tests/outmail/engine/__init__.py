"""Tests of outmail/engine/."""
