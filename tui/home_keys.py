"""The keys of the home screen, each with what it does: the bar below and the help read it from here."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding(
        "enter,c",
        "check",
        "Check",
        id="home.check",
        tooltip="Check the connection, step by step",
        priority=True,
    ),
    Binding("i", "sign_in", "Sign in", id="home.sign_in", tooltip="Sign the profile in with OAuth"),
    Binding(
        "o", "sign_out", "Sign out", id="home.sign_out", tooltip="Forget its tokens; you are asked first"
    ),
    Binding("s", "sample", "Sample mail", id="home.sample", tooltip="Send a sample mail to an address"),
    Binding("n", "new", "New", id="home.new", tooltip="Set up another profile"),
    Binding("e", "edit", "Edit", id="home.edit", tooltip="Change the selected profile"),
    Binding(
        "g",
        "graph",
        "Graph instead",
        id="home.graph",
        tooltip="Microsoft Graph in place of Exchange Online's EWS, which ends",
    ),
    Binding("d", "default", "Default", id="home.default", tooltip="Use it wherever no profile is named"),
    Binding("r", "remove", "Remove", id="home.remove", tooltip="Remove it; you are asked first"),
    Binding(
        "p",
        "pause",
        "Pause",
        id="home.pause",
        tooltip="Pause delivery, or resume it; mail is still accepted",
    ),
    Binding("R", "reconnect", "Reconnect", id="home.reconnect", tooltip="Back to the primary server"),
    Binding("u", "queue", "Queue", id="home.queue", tooltip="The mail that waits, and for what"),
    Binding("h", "history", "History", id="home.history", tooltip="Mails sent, and settings changed"),
    Binding("f", "faults", "Faults", id="home.faults", tooltip="Break and mend the practice servers"),
    Binding("f5", "reload", "Reload", show=False, id="home.reload", tooltip="Read the settings anew"),
    Binding("q", "app.quit", "Quit", id="home.quit", tooltip="Leave the program"),
]
"""In the order in which the bar shows them."""
