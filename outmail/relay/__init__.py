"""The relay: mail that programs on this machine hand in, kept safe, and sent the way the profiles say."""
