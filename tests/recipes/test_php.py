"""PHP's mail() by sendmail_path, and Symfony Mailer by each of its ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.places import ADMIN, Place
from tests.servers.process import missing, require

pytestmark = [pytest.mark.real, pytest.mark.long]

SYMFONY = Path("/usr/share/php/Symfony/Component/Mailer/autoload.php")
MAIL = """\
<?php
$more = ["From" => "shop@example.test", "Bcc" => "hidden@example.test"];
$taken = mail("you@example.test, root", "it works", "hello\\n.\\nbye\\n", $more, "-fbounces@example.test");
exit($taken ? 0 : 1);
"""
LETTER = """\
<?php
require '/usr/share/php/Symfony/Component/Mime/autoload.php';
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
$mailer = new Symfony\\Component\\Mailer\\Mailer(Symfony\\Component\\Mailer\\Transport::fromDsn($argv[1]));
foreach (['first', 'second'] as $subject) {
    $mailer->send((new Symfony\\Component\\Mime\\Email())->from('shop@example.test')->to('you@example.test')
        ->bcc('hidden@example.test')->subject($subject)->text("hello\\n.\\nbye\\n"));
}
"""


def test_mail(here: Place) -> None:
    php = require("php")
    program = here.folder / "mail.php"
    program.write_text(MAIL)
    done = here.run(php, "-d", f"sendmail_path={here.sendmail} -t -i", str(program))
    assert done.returncode == 0, done.stdout + done.stderr
    taken, text = here.arrived()
    assert taken.sender == "bounces@example.test"
    assert taken.recipients == ("you@example.test", ADMIN, "hidden@example.test")
    assert "hidden" not in text
    assert text.endswith("\n\nhello\n.\nbye\n\n")
    assert "\nFrom: shop@example.test\n" in text


@pytest.mark.parametrize("way", ["-bs", "-t -i", "smtp"])
def test_symfony(here: Place, way: str) -> None:
    php = require("php")
    if not SYMFONY.exists():
        missing("php-symfony-mailer")
    program = here.folder / "letter.php"
    program.write_text(LETTER)
    command = f"sendmail://default?command={here.sendmail} {way}".replace(" ", "%20")
    dsn = f"smtp://127.0.0.1:{here.relay.port}" if way == "smtp" else command
    done = here.run(php, str(program), dsn)
    assert done.returncode == 0, done.stdout + done.stderr
    for subject in (b"first", b"second"):
        taken, text = here.arrived(lambda taken, s=subject: b"Subject: " + s in taken.content)  # type: ignore[misc]
        assert taken.sender == "shop@example.test"
        assert taken.recipients == ("you@example.test", "hidden@example.test")
        assert "hidden" not in text
        assert text.rstrip("\n").endswith("\n\nhello\n.\nbye")
