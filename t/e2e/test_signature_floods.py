"""Forged tokens take their own time, not that of others."""

import threading

import pytest
from harness.client import encode_request
from harness.tokens import Issuers, Signer

LOCATION = "location / { keyward on; proxy_pass @BACKEND@; }"
ADDRESSES = "set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;"
CLIENTS, EACH = 16, 12


def bearer(token, address="192.0.2.1"):
    return {"Authorization": f"Bearer {token}", "X-Real-IP": address}


@pytest.fixture(params=["EdDSA", "ES384", "RS256"])
def signers(request):
    return Signer(request.param, kid="1"), Signer(request.param, kid="1", rsa_number=1)


@pytest.fixture
def guarded(edge, folder, signers):
    block = Issuers(folder).block("auth", [signers[0]])
    return edge(http=block + ADDRESSES, server=LOCATION, store=False, workers=2)


def flood(e, signer, address, found):
    for n in range(EACH):
        token = signer.token(lifetime=600, jti=f"{threading.get_ident()} {n}")
        found.append(e.get(headers=bearer(token, address)).status)


def test_report_S20_forged_tokens_are_refused_and_good_ones_get_through(guarded, signers):
    good, wrong = signers
    forged, seen = [], []
    floods = [threading.Thread(target=flood, args=(guarded, wrong, "192.0.2.66", forged)) for _ in range(CLIENTS)]
    clients = [threading.Thread(target=flood, args=(guarded, good, f"192.0.2.{n}", seen)) for n in range(1, 4)]
    for thread in floods + clients:
        thread.start()
    for thread in floods + clients:
        thread.join()
    assert len(forged) == CLIENTS * EACH and set(forged) == {401}
    assert len(seen) == 3 * EACH and set(seen) == {200}


def test_a_suspect_is_still_served(guarded, signers):
    """Somebody at the same address has sent a wrong one: good tokens wait in another queue, and are good."""
    good, wrong = signers
    assert guarded.get(headers=bearer(wrong.token(lifetime=600))).status == 401
    token = good.token(lifetime=600)
    assert guarded.get(headers=bearer(token)).status == 200
    assert guarded.get(headers=bearer(token)).status == 200


def test_many_requests_with_one_token_are_one_run(guarded, signers):
    good, wrong = signers
    assert guarded.get(headers=bearer(wrong.token(lifetime=600))).status == 401
    token, found = good.token(lifetime=600), []

    def ask():
        found.append(guarded.get(headers=bearer(token)).status)

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * CLIENTS


def test_clients_that_leave_while_they_wait_harm_nobody(guarded, signers):
    good, wrong = signers
    assert guarded.get(headers=bearer(wrong.token(lifetime=600))).status == 401
    for n in range(50):
        with guarded.connect() as connection:
            connection.send(encode_request("GET", "/", bearer(good.token(lifetime=600, jti=str(n)))))
    assert guarded.get(headers=bearer(good.token(lifetime=600))).status == 200


def test_a_worker_that_closes_leaves_nobody_waiting(guarded, signers):
    good, wrong = signers
    assert guarded.get(headers=bearer(wrong.token(lifetime=600))).status == 401
    found = []
    threads = [threading.Thread(target=flood, args=(guarded, good, "192.0.2.1", found)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        guarded.reload()
    for thread in threads:
        thread.join()
    assert set(found) <= {200, 503}
