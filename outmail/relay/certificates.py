"""The TLS of a listener, from its certificate's files; what is wrong with them is told with its remedy.

TLS 1.2 and later, unless the listener's settings name the old versions; a passphrase is never asked for.
"""

from __future__ import annotations

import logging
import os
import pwd
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outmail.engine.errors import EngineError, Refusal
from store import certificate
from store.errors import reason, shell

log = logging.getLogger(__name__)

SOON = timedelta(days=14)
"""Before a certificate's end, from when on the log says so at every start."""

_LARGEST = 1024 * 1024
_LEGACY_CIPHERS = "DEFAULT:@SECLEVEL=0"
"""Keys of 1024 bits and SHA-1, without which OpenSSL 3 speaks no TLS 1.0 (SSL_CTX_set_security_level(3))."""


def server_context(
    listen: str, certificate_file: str, key_file: str | None, *, legacy: bool, now: datetime | None = None
) -> ssl.SSLContext:
    """TLS for the listener at `listen`. Raises EngineError; a certificate at its end is a warning.

    `legacy` lets clients in that know no more than TLS 1.0.
    """
    chain = _read(listen, "certificate", certificate_file)
    if "BEGIN CERTIFICATE-----" not in chain:
        raise _wrong(
            listen,
            f"{certificate_file} holds no certificate",
            "give the file in PEM, with its chain, as fullchain.pem of Let's Encrypt",
        )
    key_path = key_file or certificate_file
    key = _read(listen, "key", key_file) if key_file else chain
    if "PRIVATE KEY-----" not in key:
        raise _wrong(
            listen,
            f"{key_path} holds no private key",
            "name the key's file in `key` of the listener, as privkey.pem of Let's Encrypt",
        )
    if "ENCRYPTED" in key:
        raise _wrong(
            listen,
            f"the private key in {key_path} has a passphrase, and nobody is there to type it",
            f"take it off: openssl pkey -in {shell(key_path)} -out NEW-FILE",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _versions(context, legacy=legacy)
    try:
        context.load_cert_chain(certificate_file, key_path)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _wrong(
                listen,
                f"the private key in {key_path} belongs to another certificate than {certificate_file}",
                "name the two files that were made together",
            ) from None
        raise _wrong(
            listen,
            f"{certificate_file} and {key_path} cannot be used ({error.reason or 'damaged'})",
            f"look at them: openssl x509 -noout -text -in {shell(certificate_file)}",
        ) from None
    except OSError as error:  # it went away, or its modes changed, since it was read
        raise _wrong(listen, f"{certificate_file}: {reason(error)}", "see what is there") from error
    _warn_of_its_end(listen, certificate_file, chain, now or datetime.now(UTC))
    return context


def _versions(context: ssl.SSLContext, *, legacy: bool) -> None:
    if not legacy:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return
    with warnings.catch_warnings():  # Python warns of the old versions, and so does the setting's name
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(_LEGACY_CIPHERS)


def _read(listen: str, field: str, name: str) -> str:
    path = Path(name)
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    except FileNotFoundError:
        raise _wrong(
            listen, f"there is no file {name}", f"correct `{field}` of the listener, or put the file there"
        ) from None
    except PermissionError:
        user = _user()
        raise _wrong(
            listen,
            f"{user}, as whom the relay runs, may not read {name}",
            f"let the user read it: sudo setfacl -m u:{user}:r {shell(name)} (and x on the folders above it)",
        ) from None
    except OSError as error:
        raise _wrong(listen, f"{name}: {reason(error)}", f"correct `{field}` of the listener") from error


def _warn_of_its_end(listen: str, name: str, chain: str, now: datetime) -> None:
    try:
        end = certificate.ends(chain)
    except ValueError:  # OpenSSL took it, and that is what counts
        return
    if end <= now:
        log.warning(
            "the certificate of the listener at %s ended on %s: clients will refuse it; "
            "renew it, then restart the relay (%s)",
            listen,
            end.date(),
            name,
        )
    elif end - now < SOON:
        log.warning("the certificate of the listener at %s ends on %s (%s)", listen, end.date(), name)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _wrong(listen: str, why: str, remedy: str) -> EngineError:
    return EngineError(Refusal.SETTINGS, f"the listener at {listen} has no TLS", why, remedy)
