"""`outmail profile certificate`: a key pair for app-only sign-in; its private key stays in the settings."""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand, chosen
from outmail.cli.tell_relay import settings_saved
from outmail.engine.errors import EngineError, Refusal


@click.command(
    "certificate",
    cls=OurCommand,
    short_help="Make a key pair for app-only sign-in.",
    epilog="Example: outmail profile certificate support > outmail-support.pem",
)
@click.argument("name", required=False)
@click.option(
    "--days", type=click.IntRange(1, 1825), default=365, show_default=True, help="How long it is good."
)
@click.option("--show", is_flag=True, help="Make nothing: print the public part of the one that is there.")
@click.pass_obj
def certificate(common: Common, name: str | None, days: int, show: bool) -> int:
    """Make a key pair, keep it in profile NAME, and print the certificate to upload (its public part).

    It replaces a client secret and an earlier certificate: the sign-in works again once the new one
    is uploaded (Entra admin center > App registrations > the app > Certificates & secrets).
    """
    from store.certificate import look, make

    workspace = common.workspace()
    found, profile = chosen(workspace.settings, name)
    oauth = profile.auth.oauth
    if profile.auth.method != "oauth" or oauth is None:
        raise EngineError(
            Refusal.SETTINGS,
            f"profile {found} has no use for a certificate",
            "it does not sign in with OAuth",
            "choose OAuth 2 for it: run outmail and edit the profile",
        )
    if show:
        if oauth.certificate is None:
            raise EngineError(
                Refusal.SETTINGS,
                f"profile {found} has no certificate",
                "none was made or imported",
                f"make one: outmail profile certificate {found}",
            )
        facts = look(oauth.certificate.get_secret_value())
        say.result_file(facts.public_pem)
        say.talk(f"SHA-1 thumbprint {facts.thumbprint_sha1}; good until {facts.until:%Y-%m-%d}")
        return Exit.OK
    pair = make(f"outmail {found}", days)
    changed = oauth.model_copy(update={"certificate": pair.pem, "client_secret": None})
    auth = profile.auth.model_copy(update={"oauth": changed})
    profiles = {**workspace.settings.profiles, found: profile.model_copy(update={"auth": auth})}
    workspace.save(workspace.settings.model_copy(update={"profiles": profiles}))
    say.warning(workspace.warning)
    settings_saved(workspace.paths)
    # Before the certificate itself: where that cannot be printed, the profile has it already.
    say.talk(f"SHA-1 thumbprint {pair.thumbprint_sha1}; good until {pair.until:%Y-%m-%d}")
    say.talk(f"upload it to the app registration, then: outmail signin {found} --way app")
    say.talk(f"to print it again: outmail profile certificate {found} --show")
    say.result_file(pair.certificate_pem)
    return Exit.OK
