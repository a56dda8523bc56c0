"""TLS as an admin needs to see it: what is trusted, what was agreed, and when the certificate ends.

It never accepts a certificate that does not verify, and never speaks anything older than TLS 1.2.
"""

from __future__ import annotations

import errno
import os
import ssl
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.net.failures import words_of
from transports.shown import harmless
from transports.trace import OpenStep

ENDS_SOON = timedelta(days=21)
"""How long before a certificate's end the warning begins."""

_VERSIONS = {"TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


_LARGEST_CA_FILE = 16 * 2**20
"""Bytes; the whole of the public authorities takes some 250 KB."""

_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
_MOST_CONTEXTS = 16


def client_context(ca_file: str | None, step: StepName) -> ssl.SSLContext:
    """Trust of the system plus `ca_file` (PEM); raises TransportError (CA_FILE_UNUSABLE).

    Reading the system's trust takes a tenth of a second, so a context is used again for as long as
    no file that it was made from has changed. A context is made to be shared, and never changed here.
    """
    try:
        seen = _state(ca_file)
        context = _contexts.get(seen)
        if context is None:
            context = _new_context(ca_file)
            if len(_contexts) >= _MOST_CONTEXTS:
                _contexts.clear()
            _contexts[seen] = context
    except (OSError, ValueError) as error:
        words = f"{ca_file}: {_why_unusable(error)}"
        raise TransportError(
            Failure(
                step,
                Scope.SERVER,
                Verdict.FIX_SETTINGS,
                Cause.CA_FILE_UNUSABLE,
                words=harmless(words),
                facts={"ca_file": harmless(ca_file or "")},
            )
        ) from error
    return context


def _state(ca_file: str | None) -> tuple[object, ...]:
    """Everything that a context is made from, as it is now. Raises OSError for an unusable `ca_file`."""
    paths = ssl.get_default_verify_paths()
    names = (paths.openssl_cafile_env, paths.openssl_capath_env)
    places = (paths.openssl_cafile, paths.openssl_capath, *(os.environ.get(name) for name in names))
    own = None
    if ca_file:
        found = os.stat(ca_file)  # noqa: PTH116 - a Path would refuse what the system does in its own words
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            # A pipe or a device would be read for ever, and everything else would stand still.
            raise OSError(errno.EINVAL, "is not a file", ca_file)
        if found.st_size > _LARGEST_CA_FILE:
            raise OSError(errno.EFBIG, "is larger than any list of certificates", ca_file)
        own = _stamp(found)
    return (ca_file, own, *((place, _stamp_of(place)) for place in places))


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _stamp_of(place: str | None) -> tuple[int, ...] | None:
    try:
        return _stamp(os.stat(place)) if place else None  # noqa: PTH116
    except (OSError, ValueError):
        return None


def _new_context(ca_file: str | None) -> ssl.SSLContext:
    """Made by hand rather than by ssl.create_default_context: that one writes the session's keys to
    the file named by SSLKEYLOGFILE, and fails where it cannot."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    _trust_the_system_nonetheless(context)
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def _why_unusable(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return "holds no certificate in PEM form"
    return words_of(error)


def _trust_the_system_nonetheless(context: ssl.SSLContext) -> None:
    """SSL_CERT_FILE and SSL_CERT_DIR replace the system's trust in OpenSSL, and a stale one empties it."""
    paths = ssl.get_default_verify_paths()
    if not {paths.openssl_cafile_env, paths.openssl_capath_env} & set(os.environ):
        return
    cafile = paths.openssl_cafile if Path(paths.openssl_cafile).is_file() else None
    capath = paths.openssl_capath if Path(paths.openssl_capath).is_dir() else None
    if cafile or capath:
        context.load_verify_locations(cafile=cafile, capath=capath)


def learn(step: OpenStep, tls: ssl.SSLObject, now: datetime) -> None:
    """Put version, cipher and certificate into the step's facts; warn when the certificate ends soon."""
    version = _VERSIONS.get(tls.version() or "", tls.version() or "TLS")
    cipher = tls.cipher()
    certificate = tls.getpeercert() or {}
    step.facts["tls_version"] = version
    if cipher:
        step.facts["cipher"] = cipher[0]
    names = certificate_names(certificate)
    step.facts["certificate_names"] = ", ".join(names)
    step.facts["issuer"] = _issuer(certificate)
    until = certificate_end(certificate)
    if until is None:
        step.detail = version
        return
    step.facts["certificate_until"] = until.date().isoformat()
    step.detail = f"{version}, certificate until {until.date().isoformat()}"
    if until - now <= ENDS_SOON:
        days = max((until - now).days, 0)
        step.warning = Failure(
            step.name,
            Scope.SERVER,
            Verdict.FIX_SETTINGS,
            Cause.CERTIFICATE_ENDS_SOON,
            words=f"the certificate ends on {until.date().isoformat()} (days left: {days})",
            facts={"certificate_until": until.date().isoformat(), "days": str(days)},
        )


def certificate_names(certificate: Mapping[str, object]) -> list[str]:
    """The DNS names and IP addresses a certificate (as of SSLObject.getpeercert) is for."""
    found = certificate.get("subjectAltName")
    return [str(value) for _kind, value in found] if isinstance(found, tuple) else []


def certificate_end(certificate: Mapping[str, object]) -> datetime | None:
    """When a certificate ends, in UTC."""
    text = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None


def _issuer(certificate: Mapping[str, object]) -> str:
    issuer = certificate.get("issuer")
    parts: dict[str, str] = {}
    for group in issuer if isinstance(issuer, tuple) else ():
        for key, value in group:
            parts.setdefault(str(key), str(value))
    return ", ".join(parts[k] for k in ("commonName", "organizationName") if k in parts)
