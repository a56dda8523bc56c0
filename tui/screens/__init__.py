"""The screens: one a file, its look beside it."""
