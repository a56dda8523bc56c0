"""A Dovecot of our own: submission with STARTTLS and with TLS, and the sign-in that Postfix asks."""

from __future__ import annotations

import base64
import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.pki import Pki
from tests.servers.process import await_port, free_port, missing, open_folder, require, require_root, running
from tests.servers.sink import Sink
from tests.servers.tokens import TokenTrust

_CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = outmail-test
log_path = {folder}/log
protocols = submission
listen = 127.0.0.1
default_login_user = dovenull
default_internal_user = dovecot
ssl = yes
ssl_cert = <{pem}
ssl_key = <{pem}
disable_plaintext_auth = yes
auth_mechanisms = plain login cram-md5 xoauth2 oauthbearer
mail_location = maildir:{folder}/mail/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
hostname = submission.example.test
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf.ext
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {sink}
submission_relay_trusted = no
submission_max_mail_size = 10M
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {starttls}
  }}
  inet_listener submissions {{
    address = 127.0.0.1
    port = {tls}
    ssl = yes
  }}
}}
service auth {{
  inet_listener sasl {{
    address = 127.0.0.1
    port = {sasl}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
auth_failure_delay = 0
auth_verbose = yes
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

_TOKENS = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
issuers = {issuer}
client_id = {audience}
username_attribute = upn
"""

USERNAME = "alice@example.test"
PASSWORD = "s3cret-of-alice: ü"
LONG_USERNAME = "longwinded@example.test"
LONG_PASSWORD = "long-" * 120


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Its ports and a user it knows."""

    host: str
    starttls: int
    tls: int
    sasl: int  # its authentication, for Postfix
    username: str
    password: str
    ca_file: Path
    sink: Sink


@contextlib.contextmanager
def dovecot(pki: Pki, sink: Sink, trust: TokenTrust) -> Iterator[Dovecot]:
    """Started for the block; what it takes goes to the sink. It believes tokens of `trust`."""
    program = require("dovecot")
    require_root()
    if not Path("/usr/lib/dovecot/submission").exists():
        missing("dovecot-submissiond")
    with open_folder("dovecot") as folder:
        ports = {"starttls": free_port(), "tls": free_port(), "sasl": free_port()}
        for part in ("run", "state", "mail"):
            (folder / part).mkdir()
        shutil.chown(folder / "mail", "nobody")
        pem = folder / "server.pem"
        shutil.copy(pki.good.pem, pem)
        users = folder / "users"
        users.write_text(_user(USERNAME, PASSWORD) + _user(LONG_USERNAME, LONG_PASSWORD))
        for party in trust.parties:
            key = folder / "keys" / party / trust.algorithm / trust.key_id
            key.parent.mkdir(parents=True)
            key.write_text(trust.public_key)
        tokens = folder / "oauth2.conf.ext"
        tokens.write_text(_TOKENS.format(folder=folder, issuer=trust.issuer, audience=trust.audience))
        config = folder / "dovecot.conf"
        config.write_text(_CONFIG.format(folder=folder, pem=pem, sink=sink.port, **ports))
        with running([program, "-F", "-c", str(config)], folder / "out", ports["starttls"]):
            for port in ports.values():
                await_port(port, folder / "log")
            yield Dovecot(
                "localhost",
                ports["starttls"],
                ports["tls"],
                ports["sasl"],
                USERNAME,
                PASSWORD,
                pki.ca_file,
                sink,
            )


def _user(name: str, password: str) -> str:
    # A colon would end the field, so the password stands in base64.
    return f"{name}:{{PLAIN.b64}}{base64.b64encode(password.encode()).decode()}\n"
