"""The practice Graph, driven by clients that are not ours."""
