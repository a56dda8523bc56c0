"""`outmail send`: one mail from the command line, with attachments, sent now or through the queue."""

from __future__ import annotations

from pathlib import Path

import click

from outmail.cli.options import Common, OurCommand, chosen, read_stdin
from outmail.engine.errors import EngineError, Refusal

_LARGEST_BODY = 50 * 1024 * 1024  # octets; larger text belongs into an attachment


@click.command(
    cls=OurCommand,
    epilog="Example: outmail send --to ops@example.org --subject 'Backup done' --body-file -",
)
@click.option("-p", "--profile", "name", metavar="NAME", help="The profile; else the default one.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Recipient; repeat it for more.")
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Recipient of a copy.")
@click.option("--bcc", multiple=True, metavar="ADDRESS", help="Recipient whom the others do not see.")
@click.option("--subject", required=True, metavar="TEXT")
@click.option("--body-file", metavar="FILE", help="The text; - is stdin.")
@click.option("--html-file", metavar="FILE", help="The same as HTML; - is stdin.")
@click.option("--attach", multiple=True, metavar="FILE", help="A file to attach; repeat it for more.")
@click.option(
    "--server", metavar="WHICH", help="primary, alternate, alternate-2 and so on; else the first that is up."
)
@click.option("--queue", "queued", is_flag=True, help="Do not wait for a server: the relay sends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def command(
    common: Common,
    *,
    name: str | None,
    to: tuple[str, ...],
    cc: tuple[str, ...],
    bcc: tuple[str, ...],
    subject: str,
    body_file: str | None,
    html_file: str | None,
    attach: tuple[str, ...],
    server: str | None,
    queued: bool,
    as_json: bool,
) -> int:
    """Send one mail now, through the profile's first server that is up; or queue it for the relay.

    From, Reply-To and the sender's name are those of the profile.
    """
    from outmail.cli.sending import send_and_tell
    from outmail.engine.compose import Draft, compose
    from outmail.engine.compose import attach as read_attachment
    from outmail.engine.deliver import deliver

    if body_file == "-" and html_file == "-":
        raise click.UsageError("--body-file and --html-file cannot both read stdin.")
    if queued and server:
        raise click.UsageError("--queue and --server cannot be used together: the relay chooses the server.")
    if not (to or cc or bcc):
        raise click.UsageError("Missing option '--to'.")
    workspace = common.workspace()
    profile_name, profile = chosen(workspace.settings, name)
    draft = Draft(
        to,
        subject,
        text=_text("--body-file", body_file) if body_file else None,
        html=_text("--html-file", html_file) if html_file else None,
        cc=cc,
        bcc=bcc,
        attachments=tuple(read_attachment(Path(file)) for file in attach),
    )
    mail = compose(profile, draft)
    if queued:
        from outmail.cli.queueing import queue_and_tell

        return queue_and_tell(workspace.paths, profile_name, mail, as_json=as_json)
    return send_and_tell(
        workspace,
        profile_name,
        profile,
        lambda watch: deliver(
            profile_name,
            profile,
            mail.envelope,
            mail.message_id,
            which=server,
            watch=watch,
            tokens=workspace.tokens,
        ),
        as_json=as_json,
        steps=False,
    )


def _text(option: str, file: str) -> str:
    """A body as text. Raises EngineError that names the option."""
    try:
        if file == "-":
            data = read_stdin(f"{option} -", _LARGEST_BODY + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_LARGEST_BODY + 1)
    except OSError as error:
        words = (error.strerror or "cannot be read").lower()
        raise EngineError(
            Refusal.FILE, f"{option} {file}", words, "check the path and its permissions"
        ) from error
    if len(data) > _LARGEST_BODY:
        raise EngineError(Refusal.INPUT, f"{option} {file}", "it is larger than 50 MB", "attach it instead")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EngineError(
            Refusal.INPUT,
            f"{option} {file}",
            "it is not UTF-8 text",
            f"convert it first (iconv -f ISO-8859-1 -t UTF-8 {file}), or attach it instead",
        ) from error
