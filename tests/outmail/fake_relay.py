"""A control socket with a script behind it: what faces and commands talk to in place of a relay."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from outmail.engine.control import SOCKET
from store.errors import StoreError

Answers = Mapping[str, object]
"""What each command is answered; a StoreError is refused with."""


class FakeRelay:
    """Answers at `run`/control until it is closed; `asked` has what came."""

    def __init__(self, run: Path, answers: Answers) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = {"hello": {"outmail": 1}, **answers}
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = run / SOCKET
        self._wire = socket.socket(socket.AF_UNIX)
        self._wire.bind(str(self.path))
        self._wire.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, as a relay does that ends properly."""
        self.path.unlink()
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._wire.close()

    def did(self, do: str) -> list[dict[str, Any]]:
        """The fields of every such command."""
        return [{k: v for k, v in one.items() if k != "do"} for one in self.asked if one["do"] == do]

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._wire.accept()
            except OSError:
                return
            with client, client.makefile("rwb") as lines:
                question = json.loads(lines.readline())
                self.asked.append(question)
                lines.write(self._answer(question["do"]) + b"\n")

    def _answer(self, do: str) -> bytes:
        answer = self._answers.get(do, StoreError)
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, StoreError):
            told = {"kind": answer.kind, "what": answer.what, "why": answer.why, "remedy": answer.remedy}
            return json.dumps({"ok": False, "error": told}).encode()
        if answer is StoreError:
            return json.dumps({"ok": False, "error": f"nobody wrote an answer to {do}"}).encode()
        return json.dumps({"ok": True, "answer": answer}).encode()


@contextlib.contextmanager
def fake_relay(run: Path, answers: Answers) -> Iterator[FakeRelay]:
    """One for a block."""
    relay = FakeRelay(run, answers)
    try:
        yield relay
    finally:
        relay.close()
