"""The catalogue of known failures: cause, remedy, where to click, what to run."""
