"""The engine that every face calls: check, compose, deliver, and what a failure means."""
