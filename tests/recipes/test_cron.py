"""Debian's cron, with our sendmail in the place of the machine's in its mount namespace, and nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.recipes.places import ADMIN, Place
from tests.servers.process import require, require_root
from tests.servers.sink import Taken

pytestmark = [pytest.mark.real, pytest.mark.long]

# Jobs of @reboot run as soon as cron starts, unless /run says that they have run.
JOBS = """\
MAILTO=root
@reboot root echo "the backup is done: ü"
@reboot nobody echo "from nobody"; exit 1
@reboot root true
MAILTO=you@example.test
@reboot root echo "to somebody else"
"""
STAGE = """\
set -e
mount --bind "$1/sendmail" /usr/sbin/sendmail
mount --bind "$1/empty" /etc/crontab
mount -t tmpfs tmpfs /etc/cron.d
mount -t tmpfs tmpfs /var/spool/cron
mount -t tmpfs tmpfs /run
mkdir /var/spool/cron/crontabs
install -m 644 "$1/jobs" /etc/cron.d/jobs
exec "$2" -f
"""


def about(words: str, taken: Taken) -> bool:
    return words.encode() in taken.content


def test_jobs(here: Place) -> None:
    """What a job prints goes to MAILTO, and for root to `local_mail_to`, whoever's job it is."""
    cron = require("cron")
    require_root()
    if not Path("/usr/sbin/sendmail").exists():
        pytest.skip("there is no /usr/sbin/sendmail to stand in for")
    (here.folder / "jobs").write_text(JOBS)
    (here.folder / "empty").touch()
    command = [require("unshare"), "-m", "bash", "-c", STAGE, "stage", str(here.folder), cron]
    with (here.folder / "cron.log").open("wb") as log:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        taken, text = here.arrived(lambda taken: about("the backup is done", taken))
        assert taken.recipients == (ADMIN,)
        assert text.endswith("\n\nthe backup is done: ü\n")
        assert "\nSubject: Cron <root@" in text
        taken, text = here.arrived(lambda taken: about("from nobody\r\n", taken))
        assert taken.recipients == (ADMIN,)
        assert text.startswith("Received: from nobody (a user of this machine)")
        taken, _ = here.arrived(lambda taken: about("to somebody else\r\n", taken))
        assert taken.recipients == ("you@example.test",)
        assert len(here.sink.all(lambda _taken: True)) == 3
    finally:
        running.terminate()
        running.wait(timeout=30)
