"""Everything that outlives the process: settings, secrets, history, and where they lie."""
