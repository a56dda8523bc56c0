"""A Postfix of our own: STARTTLS, TLS and plain ports; sign-in by Dovecot; all mail goes to a sink."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.dovecot import Dovecot
from tests.servers.pki import Pki
from tests.servers.process import await_port, free_port, open_folder, require, require_root
from tests.servers.sink import Sink

_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/spool
data_directory = {folder}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = smtp.example.test
mydestination =
mynetworks =
biff = no
alias_maps =
local_recipient_maps =
local_header_rewrite_clients =
relayhost = [127.0.0.1]:{sink}
default_transport = smtp:[127.0.0.1]:{sink}
smtp_tls_security_level = none
smtp_line_length_limit = 0
disable_dns_lookups = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{
  {{nobody@example.test=550 5.1.1 User unknown}},
  {{busy@example.test=451 4.3.2 Try later}}}}, permit_sasl_authenticated, reject
smtpd_tls_cert_file = {pem}
smtpd_tls_key_file = {pem}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{sasl}
smtpd_sasl_security_options = noanonymous
smtpd_sender_login_maps = inline:{{ {{alice@example.test=alice@example.test}},
  {{shared@example.test=somebody@example.test}} }}
smtpd_sender_restrictions = reject_sender_login_mismatch
message_size_limit = 1048576
smtpd_error_sleep_time = 0
smtpd_client_connection_rate_limit = 0
"""

_MASTER = """\
127.0.0.1:{starttls} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{plain} inet n - n - - smtpd -o smtpd_sasl_auth_enable=no -o smtpd_tls_security_level=none
  -o mynetworks=127.0.0.0/8 -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_sender_restrictions= -o smtpd_recipient_restrictions=permit_mynetworks,reject
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """Its ports. It knows Dovecot's alice, and refuses nobody@example.test (550) and busy@ (451)."""

    host: str
    starttls: int
    tls: int
    plain: int  # no TLS and no sign-in: takes mail from this machine for everywhere
    username: str
    password: str
    ca_file: Path
    sink: Sink


@contextlib.contextmanager
def postfix(pki: Pki, dovecot: Dovecot, sink: Sink, next_hop: int = 0) -> Iterator[Postfix]:
    """Started for the block, ended by its own pid file; its mail goes to the sink or to port `next_hop`."""
    program = require("postfix")
    require_root()
    with open_folder("postfix") as folder:
        ports = {"starttls": free_port(), "tls": free_port(), "plain": free_port()}
        etc, spool, lib = folder / "etc", folder / "spool", folder / "lib"
        for part in (etc, spool, lib):
            part.mkdir()
        shutil.chown(lib, "postfix")
        pem = folder / "server.pem"
        shutil.copy(pki.good.pem, pem)
        values = {"folder": folder, "sink": next_hop or sink.port, "sasl": dovecot.sasl, "pem": pem}
        (etc / "main.cf").write_text(_MAIN.format(**values))
        (etc / "master.cf").write_text(_MASTER.format(**ports))
        begun = subprocess.run(
            [program, "-c", str(etc), "start"], capture_output=True, text=True, check=False, timeout=60
        )
        log = folder / "log"
        if begun.returncode != 0 and not log.exists():
            log.write_text(begun.stdout + begun.stderr)
        try:
            for port in ports.values():
                await_port(port, log)
            yield Postfix(
                "localhost",
                ports["starttls"],
                ports["tls"],
                ports["plain"],
                dovecot.username,
                dovecot.password,
                pki.ca_file,
                sink,
            )
        finally:
            subprocess.run([program, "-c", str(etc), "stop"], capture_output=True, check=False, timeout=60)
