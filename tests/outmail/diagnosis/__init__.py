"""Tests of the catalogue of known failures."""
