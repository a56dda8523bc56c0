"""What every test may ask for: the fixtures of tests/servers; and how Hypothesis behaves."""

from hypothesis import settings

pytest_plugins = ["tests.servers.plugin"]

# A time limit for each example fails on a machine that is busy, and says nothing about the code.
settings.register_profile("outmail", deadline=None)
settings.load_profile("outmail")
