"""`outmail signin`: OAuth on a plain terminal: a code for another device, a pasted address, or no person.

It must never print a token or a secret, and never keep another account than the profile's unasked.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, get_args

import click

from outmail.cli import say
from outmail.cli.exits import Exit, of_failure
from outmail.cli.ladder import remedy_line
from outmail.cli.options import Common, OurCommand, asker, chosen
from outmail.cli.signin_events import JsonLines, PlainLines
from outmail.cli.stdin_lines import stdin_lines
from outmail.cli.tell_relay import settings_saved
from outmail.engine.errors import EngineError, Refusal
from outmail.engine.signin import SignIn, Way
from outmail.engine.signin_profile import saver
from store.errors import StoreError
from store.fields import setting
from transports.base import Cause, TransportError, Verdict

if TYPE_CHECKING:
    from outmail.diagnosis.finding import Finding
    from outmail.engine.workspace import Workspace
    from store.profiles import OAuth, Profile
    from transports.base import Failure


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        if value.strip():
            return setting(value).strip()
    except ValueError as error:
        raise click.BadParameter(f"it {error}") from None
    raise click.BadParameter("it is empty")


@click.command(cls=OurCommand, epilog="Example: outmail signin support --way device")
@click.argument("name", required=False)
@click.option(
    "--way",
    type=click.Choice(get_args(Way)),
    help="A code on another device, a browser, or app-only; else as the profile says. Kept in the profile.",
)
@click.option(
    "--account",
    metavar="ADDRESS",
    callback=_address,
    help="Who signs in, where that is another than the mailbox (shared, delegated). Kept in the profile.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
@click.option(
    "--keep-alive",
    is_flag=True,
    help="Ask nobody: renew the sign-ins of every profile that would end unused; for cron.",
)
@click.pass_obj
def command(
    common: Common, *, name: str | None, way: Way | None, account: str | None, as_json: bool, keep_alive: bool
) -> int:
    """Sign profile NAME (or the default one) in with OAuth.

    Shows an address and a code to type there on any device, or an address to open in a browser whose
    last address is pasted here; then waits. Ctrl-C stops.
    """
    if keep_alive and (name or way or account or as_json):
        raise click.UsageError("--keep-alive is for every profile and goes with nothing else.")
    workspace = common.workspace()
    if keep_alive:
        return _keep_alive(workspace)
    profile_name, profile = chosen(workspace.settings, name)
    oauth = _oauth(profile_name, profile)
    if account:
        wanted = oauth.model_copy(update={"account": account})
        profile = profile.model_copy(update={"auth": profile.auth.model_copy(update={"oauth": wanted})})
    events = JsonLines(profile_name) if as_json else PlainLines(profile_name)
    sign_in = SignIn(profile_name, profile, workspace.tokens, events, save=saver(workspace, profile_name))
    try:
        failure = _signed_in(workspace, sign_in, way, may_ask=asker() is not None and not as_json)
    except (EngineError, StoreError) as error:
        events.refused(error.what, error.why, error.remedy)
        raise
    if failure:
        return _failed(events, sign_in, failure)
    say.warning(workspace.warning)
    settings_saved(workspace.paths)
    if not as_json and workspace.settings.profiles[profile_name].auth.oauth != oauth:
        say.talk(f"profile {profile_name} was changed: it signs in this way from now on")
    return Exit.OK


def _signed_in(workspace: Workspace, sign_in: SignIn, way: Way | None, *, may_ask: bool) -> Failure | None:
    """Until it is done, or why it is not. Raises EngineError, StoreError and SettingsInvalid."""
    workspace.tokens.prove(sign_in.name, sign_in.profile)
    while True:
        try:
            asyncio.run(_run(sign_in, way))
        except TransportError as error:
            failure = error.failure
            if failure.cause is Cause.OAUTH_CODE_EXPIRED and may_ask:
                if click.confirm("The code has ended. Show a new one?", default=True, err=True):
                    continue
            elif failure.cause is Cause.ACCOUNT_DIFFERS and may_ask and _confirmed(sign_in.profile, failure):
                asyncio.run(_confirm(sign_in))
                return None
            return failure
        return None


async def _run(sign_in: SignIn, way: Way | None) -> None:
    async with stdin_lines(sign_in.paste, sign_in.no_more_pasting):
        await sign_in.run(way)


async def _confirm(sign_in: SignIn) -> None:
    await sign_in.confirm_account()


def _confirmed(profile: Profile, failure: Failure) -> bool:
    got, wanted = failure.facts["got"], failure.facts["wanted"]
    mailbox = profile.auth.username or wanted
    say.talk(f"{got} signed in, and the profile is for {wanted}.")
    return click.confirm(
        f"Sign in as {got} from now on, and no more as {wanted}?"
        if got.lower() == mailbox.lower()
        else f"Does {got} send for {mailbox} (shared, delegated, or the same under another name)?",
        default=False,
        err=True,
    )


def _keep_alive(workspace: Workspace) -> Exit:
    """One line for each sign-in whose turn it was or that is over; quiet otherwise, as cron likes it."""
    done = asyncio.run(workspace.tokens.keep_alive(workspace.settings.profiles))
    for name, failure in done.items():
        if failure is None:
            say.talk(f"{name}: the sign-in was renewed")
            continue
        remedy = f"sign in again: outmail signin {name}"
        if failure.verdict is Verdict.RETRY:
            remedy = "nothing is lost yet, try again later: outmail signin --keep-alive"
        why = failure.words or failure.cause.value
        say.error(f"sign-in of {name} was not renewed", why, remedy)
    codes = {of_failure(failure) for failure in done.values() if failure}
    return max(codes, default=Exit.OK)


def _oauth(name: str, profile: Profile) -> OAuth:
    oauth = profile.auth.oauth
    if profile.auth.method == "oauth" and oauth is not None:
        return oauth
    raise EngineError(
        Refusal.SETTINGS,
        f"profile {name} has nobody to sign in",
        f"it does not sign in with OAuth (its authentication is {profile.auth.method})",
        f"see whether it works: outmail check {name} (or choose OAuth 2: run outmail and edit the profile)",
    )


def _failed(events: JsonLines | PlainLines, sign_in: SignIn, failure: Failure) -> Exit:
    found = _explained(sign_in, failure)
    events.failed(failure, found)
    if isinstance(events, JsonLines) or not sys.stderr.isatty():
        said = failure.words.strip().partition("\n")[0]  # what is searched for on the provider's pages
        say.error(
            f"sign-in of {sign_in.name}",
            f"{found.title} ({said})" if said else found.title,
            remedy_line(found),
        )
    return of_failure(failure)


def _explained(sign_in: SignIn, failure: Failure) -> Finding:
    from outmail.diagnosis.match import diagnose
    from outmail.engine.wiring import context

    return diagnose(failure, context(sign_in.name, sign_in.profile))
