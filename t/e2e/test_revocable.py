"""Tokens can be revoked where there is a store: nginx -t says where there is none."""

import pytest
from harness.tokens import Signer

WARNING = "can't be revoked"


def warnings(config_test, **pieces):
    rc, output = config_test(**pieces)
    assert rc == 0, output
    return [line for line in output.splitlines() if "[warn]" in line and WARNING in line]


def test_report_S14(config_test, issuers):
    blocks = issuers.block("auth", Signer("EdDSA")) + issuers.block("other", Signer("EdDSA"))
    (line,) = warnings(config_test, http=blocks, location="keyward on;", store=False)
    assert '"auth", "other"' in line and "keyward_store /var/lib/keyward;" in line
    assert warnings(config_test, http=blocks, location="keyward on;") == []


@pytest.mark.parametrize(
    "location, named",
    [
        ("keyward shadow; keyward_accept token;", '"auth", "other"'),
        ("keyward on; keyward_accept other;", '"other"'),
        ("keyward on; keyward_accept methods=POST auth; keyward_accept anonymous;", '"auth"'),
        ("keyward on; keyward_accept anonymous;", None),
        ("keyward off;", None),
    ],
)
def test_report_S14_where_they_are_accepted(location, named, config_test, issuers):
    blocks = issuers.block("auth", Signer("EdDSA")) + issuers.block("other", Signer("EdDSA"))
    found = warnings(config_test, http=blocks, location=location, store=False)
    assert len(found) == (named is not None)
    assert named is None or f"tokens of {named} are accepted" in found[0]
