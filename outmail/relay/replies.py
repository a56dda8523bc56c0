"""What the relay says to a client: the words of every answer, and the shape of those given from outside.

An answer never repeats what the client sent, so that nothing can be slipped into it.
"""

from __future__ import annotations

import re

_NOT_PRINTABLE = re.compile(r"[^ -~]+")
_LONGEST = 500  # of 512 bytes of a reply line (RFC 5321, section 4.5.3.1.5)


def printable(text: str) -> str:
    """The text in one line of printable ASCII; what is neither becomes a question mark."""
    return _NOT_PRINTABLE.sub("?", text)


class Answer:
    """A reply: `code` (RFC 5321), `enhanced` status code (RFC 3463) and `text`, made one harmless line.

    Raises ValueError where the codes are none, or contradict each other.
    """

    __slots__ = ("code", "enhanced", "line", "text")

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        if not 200 <= code <= 559 or not re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", enhanced):
            raise ValueError(f"no reply: {code} {enhanced}")
        if enhanced[0] != str(code)[0]:
            raise ValueError(f"{code} and {enhanced} contradict each other")
        self.code = code
        self.enhanced = enhanced
        self.text = printable(text)
        self.line = f"{code} {enhanced} {self.text}"[:_LONGEST].encode("ascii") + b"\r\n"

    @property
    def refusing(self) -> bytes:
        """The line, where a policy refuses with it. Raises ValueError where it is no refusal."""
        if self.code < 400:
            raise ValueError(f"no refusal: {self.line!r}")
        return self.line

    def __repr__(self) -> str:
        return f"Answer({self.code}, {self.enhanced!r}, {self.text!r})"


def _line(code: int, enhanced: str, text: str) -> bytes:
    return Answer(code, enhanced, text).line


OK = _line(250, "2.0.0", "Ok")
SENDER_OK = _line(250, "2.1.0", "Sender ok")
RECIPIENT_OK = _line(250, "2.1.5", "Recipient ok")
GO_ON = b"354 End data with <CR><LF>.<CR><LF>\r\n"
BYE = _line(221, "2.0.0", "Bye")
START_TLS = _line(220, "2.0.0", "Ready to start TLS")
SIGNED_IN = _line(235, "2.7.0", "Authentication successful")
CANNOT_VERIFY = _line(252, "2.1.5", "Cannot verify the user, but will take mail for it")
HELP = _line(
    214, "2.0.0", "Commands of RFC 5321: HELO EHLO MAIL RCPT DATA RSET NOOP VRFY QUIT, and what EHLO lists"
)

CHALLENGE_EMPTY = b"334 \r\n"
CHALLENGE_USERNAME = b"334 VXNlcm5hbWU6\r\n"  # Username:
CHALLENGE_PASSWORD = b"334 UGFzc3dvcmQ6\r\n"  # Password:

TIMED_OUT = _line(421, "4.4.2", "Timed out, closing the connection")
SHUTTING_DOWN = _line(421, "4.3.2", "The relay is shutting down; try again")
TOO_MANY_ERRORS = _line(421, "4.7.0", "Too many errors, closing the connection")
TOO_MANY_COMMANDS = _line(421, "4.7.0", "Too many commands without a mail, closing the connection")
TOO_MANY_MAILS = _line(421, "4.7.0", "Enough mails on this connection; connect again for more")
TOO_MUCH_AHEAD = _line(421, "4.7.0", "Too much sent without waiting for an answer")
TOO_MANY_RECIPIENTS = _line(452, "4.5.3", "Too many recipients; send to the others in another mail")
SIGN_IN_LATER = _line(454, "4.7.0", "Cannot check the sign-in now; try again later")

BARE_LF = _line(521, "5.5.2", "A command must end in CR LF")
LINE_TOO_LONG = _line(500, "5.5.2", "Line too long")
AUTH_LINE_TOO_LONG = _line(500, "5.5.6", "Authentication exchange line is too long")
BAD_CHARACTER = _line(500, "5.5.2", "CR or NUL inside a command")
UNKNOWN_COMMAND = _line(500, "5.5.2", "Command not recognized")
NOT_IMPLEMENTED = _line(502, "5.5.1", "Command not implemented")
NOT_HTTP = _line(521, "5.5.1", "This is a mail server")

NO_ARGUMENTS = _line(501, "5.5.4", "This command takes no argument")
NO_NAME = _line(501, "5.5.4", "Syntax: EHLO hostname")
NO_ADDRESS = _line(501, "5.5.4", "Syntax: VRFY address")
MAIL_SYNTAX = _line(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
RCPT_SYNTAX = _line(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
AUTH_SYNTAX = _line(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
BAD_SENDER = _line(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = _line(501, "5.1.3", "Bad recipient address syntax")
BAD_PARAMETER = _line(501, "5.5.4", "Bad value of a parameter, or a parameter twice")
UNKNOWN_PARAMETER = _line(555, "5.5.4", "Parameter not recognized")
NEEDS_SMTPUTF8 = _line(553, "5.6.7", "An address that is not ASCII needs SMTPUTF8")

SAY_HELLO = _line(503, "5.5.1", "Say EHLO first")
SAY_MAIL = _line(503, "5.5.1", "Say MAIL first")
NO_RECIPIENTS = _line(554, "5.5.1", "No valid recipients")
MAIL_ALREADY = _line(503, "5.5.1", "A mail is under way already")
NOT_NOW = _line(503, "5.5.1", "Not while a mail is under way")
NO_STARTTLS = _line(502, "5.5.1", "STARTTLS is not offered")
TLS_ALREADY = _line(503, "5.5.1", "TLS is on already")
TEXT_BEFORE_TLS = _line(521, "5.5.1", "Text followed STARTTLS before TLS was on")
NO_AUTH = _line(503, "5.5.1", "AUTH is not offered")
AUTH_ALREADY = _line(503, "5.5.1", "Signed in already")
AUTH_FIRST = _line(530, "5.7.0", "Authentication required")
TLS_FIRST = _line(530, "5.7.0", "Say STARTTLS first")
AUTH_NEEDS_TLS = _line(538, "5.7.11", "AUTH needs TLS first: no password travels in the clear")
NO_MECHANISM = _line(504, "5.5.4", "Mechanism not known: PLAIN and LOGIN are")
NOT_BASE64 = _line(501, "5.5.2", "Not base64, or not what the mechanism asks for")
CANCELLED = _line(501, "5.7.0", "Authentication cancelled")
DENIED = _line(535, "5.7.8", "Authentication credentials invalid")

TOO_BIG = _line(552, "5.3.4", "The mail is larger than the limit")
BARE_BYTES = _line(550, "5.6.11", "The mail has a CR or LF that is not part of CR LF, or a NUL")
