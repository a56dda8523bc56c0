"""Tests of the practice tenant's Exchange Web Services."""
