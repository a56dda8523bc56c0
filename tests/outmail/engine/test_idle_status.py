"""Where the mail of each profile goes first, told without a relay."""

from __future__ import annotations

import pytest

from outmail.engine.idle_status import idle_status, where
from store.profiles import Profile
from store.spool_shapes import Counts


def profile(**fields: object) -> Profile:
    return Profile.model_validate({"from_address": "desk@example.org", **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"protocol": "smtp", "smtp": {"host": "a.example.org", "security": "tls"}}, "a.example.org:465"),
        ({"protocol": "ews", "ews": {"url": "https://a.example.org/EWS"}}, "a.example.org"),
        ({"protocol": "ews", "ews": {"url": "127.0.0.1:8443"}}, "127.0.0.1:8443"),
        ({"protocol": "graph"}, "graph.microsoft.com/desk@example.org"),
        (
            {"protocol": "graph", "graph": {"cloud": "china"}},
            "microsoftgraph.chinacloudapi.cn/desk@example.org",
        ),
        (
            {
                "protocol": "graph",
                "graph": {"cloud": "custom", "endpoint": "https://127.0.0.1:8443"},
                "auth": {"username": "shared@example.org"},
            },
            "127.0.0.1:8443/shared@example.org",
        ),
    ],
)
def test_where(fields: dict[str, object], words: str) -> None:
    one = profile(**fields)
    assert where(one) == words
    (route,) = idle_status(Counts(), {}, {"a": one}).routes
    assert (route.profile, route.protocol, route.address) == ("a", fields["protocol"], words)
