"""Everything that leaves the machine: one file per way out, and the network beneath them."""
