"""The programs of a machine send by our sendmail: cron's and logwatch's ways, mailx, s-nail, git, Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.outmail.handing import ADMIN, Relay, environment, launcher, relay, run

pytestmark = [pytest.mark.real, pytest.mark.long]

CRON = b"""From: root (Cron Daemon)
To: root
Subject: Cron <root@web> backup.sh
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>

done: \xc3\xbc
"""
LOGWATCH = b"""To: root
From: Logwatch <Logwatch@localhost>
Subject: Logwatch for web (Linux)
Auto-Submitted: auto-generated
Precedence: bulk
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"

 ################### Logwatch ####################
.
 ###################### End #######################
"""


def need(program: str) -> str:
    """Where a program of Debian's is; skipped where it is missing, and a failure in CI."""
    found = shutil.which(program)
    if found is None:
        if os.environ.get("OUTMAIL_REQUIRE_REAL") == "1":
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is missing")
    return found


@pytest.fixture(params=[True, False], ids=["relay", "maildrop"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Relay]:
    """A relay that runs, or does not."""
    async with relay(tmp_path, running=request.param) as found:
        yield found


async def calls(place: Relay, command: list[str], stdin: bytes, **env: str) -> str:
    """Run a caller; returns the mail that came of it."""
    done = await run(command, stdin, {**environment(place.home), **env}, cwd=place.home)
    assert done.returncode == 0, done.stderr
    await place.collect()
    _, content = await place.mail()
    return content


async def recipients(place: Relay) -> list[str]:
    entry, _ = await place.mail()
    return [one.address for one in entry.recipients]


async def test_cron(place: Relay) -> None:
    """As Debian's cron starts it: sendmail -FCronDaemon -i -B8BITMIME -oem USER."""
    program = str(launcher(place.home))
    content = await calls(place, [program, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"], CRON)
    entry, _ = await place.mail()
    assert await recipients(place) == [ADMIN]
    assert entry.sender == "helpdesk@example.org"
    assert entry.eight_bit
    assert content.endswith("done: \u00fc\r\n")
    assert "From: helpdesk@example.org\r\n" in content
    assert "Message-ID: <" in content
    assert "Date: " in content


async def test_logwatch(place: Relay) -> None:
    """It pipes into: sendmail -t (and does not know of the dot)."""
    content = await calls(place, [str(launcher(place.home)), "-t", "-oi"], LOGWATCH)
    assert await recipients(place) == [ADMIN]
    assert content.endswith("\r\n.\r\n ###################### End #######################\r\n")


@pytest.mark.parametrize("program", ["bsd-mailx", "s-nail"])
async def test_mailx(place: Relay, program: str) -> None:
    sendmail = str(launcher(place.home))
    rc = place.home / "rc"
    rc.write_text(
        f"set sendmail={sendmail}\n" + ("set mta=" + sendmail + "\n" if program == "s-nail" else "")
    )
    command = [need(program), "-s", "Backup done", "-c", "c@d.test", "a@b.test"]
    content = await calls(place, command, b"All well.\n.\n", MAILRC=str(rc))
    assert sorted(await recipients(place)) == ["a@b.test", "c@d.test"]
    assert "Subject: Backup done\r\n" in content
    assert "\r\n\r\nAll well.\r\n" in content


async def test_git_send_email(place: Relay) -> None:
    git = need("git")
    need("/usr/lib/git-core/git-send-email")
    patch = place.home / "0001.patch"
    patch.write_text(
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
        "From: Ann <ann@example.net>\nDate: Sat, 28 Nov 2026 20:00:00 +0000\nSubject: [PATCH] x\n\n"
        "---\n a | 1 +\n\n"
        "diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\n"
        "-- \n2.39\n"
    )
    command = [
        git, "send-email", f"--sendmail-cmd={launcher(place.home)}", "--to=Dev List <dev@b.test>",
        "--bcc=secret@e.test", "--from=Ann <ann@example.net>", "--confirm=never", "--suppress-cc=all",
        str(patch),
    ]  # fmt: skip
    person = {
        f"GIT_{who}_{what}": f"ann@{what.lower()}.test"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    content = await calls(place, command, b"", HOME=str(place.home), GIT_CONFIG_NOSYSTEM="1", **person)
    assert await recipients(place) == ["dev@b.test", "secret@e.test"]
    assert "secret" not in content
    assert "+x\r\n-- \r\n2.39\r\n" in content


async def test_python(place: Relay) -> None:
    """The way of the standard library's documentation."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["To"] = '"Last, First" <a@b.test>'
    message["Subject"] = "Gr\u00fc\u00dfe"
    message.set_content("Gr\u00fc\u00dfe\n.\n")
    await calls(place, [str(launcher(place.home)), "-t", "-oi"], message.as_bytes())
    assert await recipients(place) == ["a@b.test"]
