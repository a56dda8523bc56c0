"""The command line: one subcommand a file; it parses and prints, and holds no mail logic."""
