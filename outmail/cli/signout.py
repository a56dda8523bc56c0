"""`outmail signout`: forgets the tokens of a profile; the account itself is not touched."""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand, chosen
from outmail.cli.tell_relay import settings_saved
from store.tokens import APP_ONLY, sharing


@click.command(cls=OurCommand, epilog="Example: outmail signout support")
@click.argument("name", required=False)
@click.pass_obj
def command(common: Common, name: str | None) -> int:
    """Forget the tokens of profile NAME (or the default one); mail waits until somebody signs in again.

    An app-only profile gets another token by itself with the next mail: there is nobody to sign out.
    The provider still lists the app among those with access: withdraw it there to end that too.
    """
    workspace = common.workspace()
    profile_name, profile = chosen(workspace.settings, name)
    if profile.auth.method != "oauth":
        say.talk(f"profile {profile_name} does not sign in with OAuth: nothing to forget")
        return Exit.OK
    forgotten = workspace.tokens.forget(profile)
    say.result(f"{profile_name}: signed out" if forgotten else f"{profile_name}: nobody was signed in")
    if profile.auth.oauth and profile.auth.oauth.grant in APP_ONLY:
        say.talk("nobody signs in for it: the next mail gets another token by itself")
    settings_saved(workspace.paths)
    shared = sharing(workspace.settings, profile_name) if forgotten else []
    if shared:
        say.talk(f"the same sign-in served {', '.join(shared)}: signed out too")
    return Exit.OK
