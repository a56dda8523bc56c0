"""Exchange Web Services, as the practice tenant serves them."""
