"""Signing in by OAuth 2: device code, browser, app-only; Entra by msal, everyone else by the standard."""
