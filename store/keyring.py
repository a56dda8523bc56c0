"""Asks the desktop's keyring for the vault's key, where one is installed and answers.

It must never make a start wait: servers have no keyring, and a locked one may ask on a screen nobody sees.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Mapping

ANSWER_WITHIN = 3.0
"""Seconds a keyring has to answer."""


def key_from_keyring(vault: str, env: Mapping[str, str]) -> bytes | None:
    """The entry of service "outmail" with the vault's folder as its user name; None without one.

    Looked for only where a session bus or a chosen backend says that a keyring may be there.
    """
    if not (env.get("DBUS_SESSION_BUS_ADDRESS") or env.get("PYTHON_KEYRING_BACKEND")):
        return None
    if importlib.util.find_spec("keyring") is None:
        return None
    answer: list[str] = []
    asking = threading.Thread(target=_ask, args=(vault, answer), daemon=True)
    asking.start()
    asking.join(ANSWER_WITHIN)
    return answer[0].strip().encode() if answer and len(answer[0].strip()) >= 32 else None


def _ask(vault: str, answer: list[str]) -> None:
    keyring = importlib.import_module("keyring")
    errors = importlib.import_module("keyring.errors")
    try:
        found = keyring.get_password("outmail", vault)
    except (errors.KeyringError, OSError, RuntimeError):
        return
    if isinstance(found, str):
        answer.append(found)
