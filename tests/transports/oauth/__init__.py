"""Tests of signing in by OAuth 2."""
