"""The corpus: messages as RFCs allow them and programs dislike them. All have CR LF line ends.

Each is a whole message from alice@example.test to listed@example.test, where the caller says nothing else.
Graph and EWS change of them what their transports say; every other way out carries them byte for byte.
"""

from __future__ import annotations

import base64
import datetime
import quopri
from binascii import b2a_base64
from collections.abc import Callable
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

AUTHOR = b"Alice <alice@example.test>"
LISTED = b"Listed Person <listed@example.test>"

_TOKEN, _AUTHOR, _TO = b"@@TOKEN@@", b"@@AUTHOR@@", b"@@TO@@"
_HEAD = (
    b"From: " + _AUTHOR + b"\r\nTo: " + _TO + b"\r\n"
    b"Subject: corpus\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
    b"Message-ID: <" + _TOKEN + b"@example.test>\r\nMIME-Version: 1.0\r\n"
)
_TEXT = b"Content-Type: text/plain; charset=us-ascii\r\n\r\n"
_ALL_BYTES = bytes(range(256)) * 5


def named(name: str, token: str, *, author: bytes = AUTHOR, to: bytes = LISTED) -> bytes:
    """The message of this name: its Message-ID is <token@example.test>, its From and To as given.

    Those of which To is the point have their own; `addressed` says whom it names.
    """
    content = _MAKERS[name]().replace(_TOKEN, token.encode())
    return content.replace(_AUTHOR, author).replace(_TO, to)


def addressed(name: str) -> tuple[str, ...]:
    """Whom To and Cc of the message name; with these as its envelope Graph and EWS leave every byte."""
    return _ADDRESSED.get(name, ("listed@example.test",))


@cache
def _smime() -> bytes:
    """Signed for real, so that a reader can tell whether one byte changed (RFC 8551, section 3.5.3)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    part = (
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Trailing space \r\n\ttab\r\n.\r\n\xc3\xa4\r\n"
    )
    signature = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(part)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    )
    coded = base64.encodebytes(signature).replace(b"\n", b"\r\n")
    return (
        _HEAD + b'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
        b' micalg="sha-256"; boundary="=_sig"\r\n\r\nThis is signed.\r\n--=_sig\r\n'
        + part
        + b"\r\n--=_sig\r\n"
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + coded + b"--=_sig--\r\n"
    )


def _nested() -> bytes:
    body = _TEXT + b"the innermost\r\n"
    for depth in range(12):
        boundary = b"b%d" % depth
        body = (
            b"Content-Type: multipart/mixed; boundary="
            + boundary
            + b"\r\n\r\npreamble\r\n--"
            + boundary
            + b"\r\n"
            + body
            + b"\r\n--"
            + boundary
            + b"--\r\nepilogue\r\n"
        )
    return _HEAD + body


def _every_encoding() -> bytes:
    text = "grün".encode()
    return (
        _HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\n" + _TEXT + b"see the files\r\n"
        b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="all.bin"\r\n\r\n'
        + base64.encodebytes(_ALL_BYTES).replace(b"\n", b"\r\n")
        + b"--x\r\nContent-Type: text/csv; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        b"Content-Disposition: attachment; filename=a.csv\r\n\r\n"
        + quopri.encodestring(text * 30).replace(b"\n", b"\r\n")
        + b"\r\n--x\r\nContent-Type: text/x-log; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        b"Content-Disposition: attachment; filename=a.log\r\n\r\n" + text + b"\r\n"
        b"--x\r\nContent-Type: text/x-sh\r\nContent-Transfer-Encoding: 7bit\r\n"
        b"Content-Disposition: attachment; filename=a.sh\r\n\r\n#!/bin/sh\r\n\r\n--x--\r\n"
    )


_MAKERS: dict[str, Callable[[], bytes]] = {
    "S/MIME signed": _smime,
    "nested multiparts": _nested,
    "attachments of every encoding": _every_encoding,
    "8-bit": lambda: (
        _HEAD + b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"\xe4\xf6\xfc\xdf\xff\x80\r\n"
    ),
    "long lines": lambda: _HEAD + _TEXT + b"x" * 998 + b"\r\n." + b"y" * 996 + b"\r\n",
    "long folded header": lambda: (
        _HEAD + b"X-Long:" + b"\r\n " + b"z" * 990 + b"\r\n\t and more\r\n" + _TEXT + b"hi\r\n"
    ),
    "RFC 2231 names": lambda: (
        _HEAD
        + b"Content-Type: application/pdf;\r\n name*0*=utf-8'de'%C3%9Cber;\r\n name*1=b; name*2*=%2Epdf\r\n"
        b"Content-Disposition: attachment; filename*=UTF-8''%E4%B8%96%E7%95%8C.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + b2a_base64(b"%PDF-1.7").replace(b"\n", b"\r\n")
    ),
    "IDN addresses": lambda: (
        _HEAD.replace(_TO, b"<info@xn--bcher-kva.example.test>, x@example.test") + _TEXT + b"hi\r\n"
    ),
    "SMTPUTF8 addresses": lambda: (
        _HEAD.replace(_TO, "Jürgen <jürgen@example.test>".encode())
        + "Content-Type: text/plain; charset=utf-8\r\n\r\ngrüße\r\n".encode()
    ),
    "quoted names with commas": lambda: (
        _HEAD.replace(_TO, b'"Person, Listed (\\"it\\")" <listed@example.test>')
        + b"Cc: =?utf-8?Q?M=C3=BCller=2C_J?= <j@example.test>,\r\n\t(a comment) k@example.test (K.)\r\n"
        + _TEXT
        + b"hi\r\n"
    ),
    "Auto-Submitted": lambda: (
        _HEAD + b"Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n" + _TEXT + b"hi\r\n"
    ),
    "list headers": lambda: (
        _HEAD + b"List-Id: <list.example.test>\r\nPrecedence: list\r\n"
        b"List-Unsubscribe: <https://example.test/u>,\r\n <mailto:u@example.test>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + _TEXT + b"hi\r\n"
    ),
    "threaded": lambda: (
        _HEAD
        + b"In-Reply-To: <1@example.test>\r\nReferences: <0@example.test>\r\n <1@example.test>\r\n"
        + _TEXT
        + b"hi\r\n"
    ),
    "quoted-printable with soft breaks": lambda: (
        _HEAD
        + b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"<p>gr=C3=BCn=\r\n</p>=20\r\n=2E\r\na line that =\r\n.goes on=\r\n"
    ),
    "dots at line starts": lambda: _HEAD + _TEXT + b".\r\n..\r\n...\r\n.a\r\n. \r\nend\r\n.\r\n",
    "From at line start": lambda: _HEAD + _TEXT + b"From here on\r\n>From there\r\n",
    "empty body": lambda: _HEAD + b"\r\n",
    "header only": lambda: _HEAD,
    "blank lines at the end": lambda: _HEAD + _TEXT + b"end\r\n\r\n\r\n\r\n",
    "white space at line ends": lambda: _HEAD + _TEXT + b"end \r\n\t\r\n \r\n",
    "a mail in a mail in a mail": lambda: (
        _HEAD + b"Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n" + _TEXT + b"see\r\n--out\r\n"
        b"Content-Type: message/rfc822\r\n\r\nFrom: x@example.test\r\nTo: y@example.test\r\n"
        b"Bcc: nobody@example.test\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n"
        b"Content-Type: message/rfc822\r\n\r\nSubject: innermost\r\n\r\nhi\r\n--in--\r\n\r\n--out--\r\n"
    ),
    "calendar": lambda: (
        _HEAD
        + b"Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n"
        + _TEXT
        + b"Come!\r\n--c\r\n"
        b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\n"
        b"METHOD:REQUEST\r\nEND:VCALENDAR\r\n--c--\r\n"
    ),
    "HTML with a picture": lambda: (
        _HEAD + b'Content-Type: multipart/related; boundary="r r"; type="text/html"\r\n\r\n--r r\r\n'
        b'Content-Type: text/html; charset=utf-8\r\n\r\n<img src="cid:p@x">\r\n--r r\r\n'
        b"Content-Type: image/gif\r\nContent-ID: <p@x>\r\nContent-Disposition: inline; filename=p.gif\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAACw=\r\n--r r--\r\n"
    ),
    "a missing end boundary": lambda: (
        _HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" + _TEXT + b"and it ends here"
    ),
}

_ADDRESSED = {
    "IDN addresses": ("info@bücher.example.test", "x@example.test"),
    "SMTPUTF8 addresses": ("jürgen@example.test",),
    "quoted names with commas": ("listed@example.test", "j@example.test", "k@example.test"),
}

NAMES = tuple(_MAKERS)
"""What `named` takes."""
