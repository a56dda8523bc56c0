"""A listener as small as can be, in threads, so that real clients can speak to a dialogue."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Dropped, HangUp, Login, Mail, Reply, StartTls
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules

KEPT = Answer(250, "2.0.0", "kept")
USERNAME = "alice"
PASSWORD = "s3cret of alice: %"


@dataclass
class Serving:
    """Takes every mail; its content is made whole. `said` is every mail, with all that came of it."""

    rules: Rules
    context: ssl.SSLContext
    port: int = 0
    mails: list[Mail] = field(default_factory=list)

    def connection(self, wire: socket.socket) -> None:
        """Serve one client until it goes."""
        dialogue, body = Dialogue(self.rules, "127.0.0.1"), b""
        wire.settimeout(30)
        wire.sendall(dialogue.greeting())
        while data := wire.recv(65536):
            events = dialogue.receive(data)
            while events:
                event = events.pop(0)
                match event:
                    case Reply(reply):
                        wire.sendall(reply)
                    case StartTls():
                        wire = self.context.wrap_socket(wire, server_side=True)
                        dialogue.tls_started()
                    case Login():
                        right = (event.username, event.password.reveal()) == (USERNAME, PASSWORD)
                        events += dialogue.logged_in(right)
                    case Body(piece):
                        body += piece
                    case Dropped():
                        body = b""
                    case Mail():
                        event.content, body = body + event.content, b""
                        self.mails.append(event)
                        events += dialogue.stored(KEPT)
                    case HangUp():
                        wire.close()
                        return


@contextlib.contextmanager
def serving(rules: Rules, context: ssl.SSLContext) -> Iterator[Serving]:
    """Listen on a free port of 127.0.0.1 for the block."""
    server = Serving(rules, context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    wire, _ = listener.accept()
                    threading.Thread(target=serve, args=(wire,), daemon=True).start()

        def serve(wire: socket.socket) -> None:
            with contextlib.suppress(OSError), wire:
                server.connection(wire)

        threading.Thread(target=accept, daemon=True).start()
        yield server
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
