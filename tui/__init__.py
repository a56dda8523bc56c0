"""The terminal program: it draws what the engine says and turns keys into calls."""
