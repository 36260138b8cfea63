"""discovery: the provider's metadata say where its keys are, and are believed as little as can be."""

import ipaddress
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from harness.certificates import certificate, server_context
from harness.issuer import Issuer, answer
from harness.wait import until

SERVER = "keyward on; keyward_accept token; location / { empty_gif; }"
OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


@pytest.fixture
def authority(folder):
    """The one that is trusted, and its certificate in a file."""
    pair = certificate("authority", ca=True)
    path = folder / "ca.pem"
    path.write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
    return pair, path


@pytest.fixture
def make_provider(folder, authority):
    """An issuer at 127.0.0.1, or at a name that leads there too."""
    providers = []

    def make(host="127.0.0.1"):
        name = x509.DNSName(host) if host == "localhost" else x509.IPAddress(ipaddress.ip_address(host))
        providers.append(Issuer(tls=server_context(folder, certificate(host, authority[0], name)), host=host))
        return providers[-1]

    yield make
    for provider in providers:
        provider.close()


def url_of(provider, path=""):
    return provider.url.replace("/jwks.json", path)


def serve(provider, issuer, at=OPENID, **members):
    """Metadata, and the keys that they lead to."""
    metadata = {"issuer": issuer, "jwks_uri": provider.url, "response_types_supported": ["code"], **members}
    provider.documents = {at: json.dumps(metadata).encode(), "/jwks.json": provider.jwks()}


def block(issuer, ca, more="", rules=""):
    return f"keyward_issuer auth {{ discovery {issuer} ca={ca} {more}; {rules} }}"


def wait_status(e, provider, status, **claims):
    until(lambda: e.get("/", provider.bearer(**claims)).status == status, 20 * e.build.patience, f"a {status}")


def test_keys_are_found(edge, make_provider, authority):
    provider = make_provider()
    issuer = url_of(provider)
    serve(provider, issuer)
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False, workers=2)
    wait_status(e, provider, 200, iss=issuer)
    assert provider.paths == [OPENID, "/jwks.json"]
    e.wait_log(rf'issuer "auth": 1 keys from {issuer}{OPENID}')
    # The URL is the issuer, exactly.
    for iss in (issuer + "/", None, "https://other.example"):
        assert e.get("/", provider.bearer(iss=iss)).status == 401


@pytest.mark.parametrize("slash", ["", "/"])
def test_of_an_issuer_with_a_path(edge, make_provider, authority, slash):
    """OIDC's place first, on 404 that of RFC 8414."""
    provider = make_provider()
    issuer = url_of(provider, "/realms/shop") + slash
    serve(provider, issuer, at=f"{OAUTH}/realms/shop")
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False)
    wait_status(e, provider, 200, iss=issuer)
    assert provider.paths == [f"/realms/shop{OPENID}", f"{OAUTH}/realms/shop", "/jwks.json"]


def test_any_other_status_is_a_failure(edge, make_provider, authority):
    provider = make_provider()
    issuer = url_of(provider)
    provider.behave = answer(b"{}", status="500 No")
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False)
    e.wait_log(r'\[error\].*issuer "auth": no keys from \S+: it answers with status 500')
    assert set(provider.paths) == {OPENID}
    assert e.get("/", provider.bearer(iss=issuer)).status == 503
    provider.behave = None
    serve(provider, issuer)
    wait_status(e, provider, 200, iss=issuer)


BAD = {
    "another issuer": (dict(issuer="https://evil.example"), r'its "issuer" is "https://evil.example", and has to be'),
    "no issuer": (dict(issuer=None), r'it has no "issuer"'),
    "no jwks_uri": (dict(jwks_uri=None), r'it has no "jwks_uri"'),
    "http": (dict(jwks_uri="http://127.0.0.1/jwks"), r'its "jwks_uri" is not https'),
    "a file": (dict(jwks_uri="file:///etc/passwd"), r'its "jwks_uri" is no http:// or https:// URL'),
}


@pytest.mark.parametrize("name", BAD)
def test_metadata_that_are_not_believed(edge, make_provider, authority, name):
    members, says = BAD[name]
    provider = make_provider()
    issuer = url_of(provider)
    serve(provider, **{"issuer": issuer, **members})
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False)
    e.wait_log(rf"\[error\].*the provider's metadata can't be used \({says}")
    assert set(provider.paths) == {OPENID}
    assert e.get("/", provider.bearer(iss=issuer)).status == 503


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_another_host_of_the_own_network_is_not_asked(edge, make_provider, authority, host):
    """Whoever can write the metadata must not have us ask what only we can reach: looked at on the socket, before anything is sent."""
    provider, inner = make_provider("localhost" if host == "127.0.0.1" else "127.0.0.1"), make_provider(host)
    issuer = url_of(provider)
    inner.keys = provider.keys
    inner.documents = {"/jwks.json": provider.jwks()}
    serve(provider, issuer, jwks_uri=inner.url)
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False)
    e.wait_log(r"no keys from \S+: its metadata lead to another host, whose address isn't public: .*jwks_host=")
    assert inner.connections == 0
    assert e.get("/", provider.bearer(iss=issuer)).status == 503
    e = edge(http=block(issuer, authority[1], f"jwks_host={host}"), server=SERVER, store=False)
    wait_status(e, provider, 200, iss=issuer)
    assert inner.connections > 0


def test_a_redirect_is_not_followed(edge, make_provider, authority):
    provider, other = make_provider(), make_provider()
    issuer = url_of(provider)
    provider.behave = answer(status="302 Found", headers={"Location": url_of(other, OPENID)})
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False)
    e.wait_log(r"no keys from \S+: it redirects \(status 302\)")
    assert other.connections == 0


def test_a_new_key_is_fetched_by_its_kid_and_metadata_are_asked_again(edge, make_provider, authority):
    provider = make_provider()
    issuer = url_of(provider)
    serve(provider, issuer)
    e = edge(http=block(issuer, authority[1]), server=SERVER, store=False)
    wait_status(e, provider, 200, iss=issuer)
    provider.add_key("second")
    serve(provider, issuer, jwks_uri=url_of(provider, "/moved"))
    provider.documents["/moved"] = provider.jwks()
    assert e.get("/", provider.bearer("second", iss=issuer)).status == 200
    assert provider.paths == [OPENID, "/jwks.json", OPENID, "/moved"]


def test_a_restart_has_the_keys_of_before(edge, make_provider, authority):
    provider = make_provider()
    issuer = url_of(provider)
    serve(provider, issuer)
    options = dict(http=block(issuer, authority[1]), server=SERVER)
    e = edge(**options)
    wait_status(e, provider, 200, iss=issuer)
    until(lambda: "1 keys from" in e.log, 10, "keys")
    e.stop()
    provider.stop()
    e = edge(**options)
    e.wait_log(r'issuer "auth": 1 cached keys')
    assert e.get("/", provider.bearer(iss=issuer)).status == 200


@pytest.mark.parametrize(
    "text, says",
    [
        ("discovery http://a.example;", "is not https"),
        ("discovery https://a.example?x;", "has a query"),
        ("discovery https://u:canary@a.example;", "has a user or password in it"),
        ("discovery a.example;", "is no http:// or https:// URL; write https://HOST/PATH"),
        ("discovery https://a.example plain;", 'unknown parameter "plain"; it may be refresh=TIME'),
        ("discovery https://a.example jwks_host=;", "write a host alone"),
        ("discovery https://a.example jwks_host=b.example:8443;", "write a host alone"),
        ("discovery https://a.example jwks_host=https://b.example;", "write a host alone"),
        ("discovery https://a.example jwks_host=b jwks_host=c;", "is there twice"),
        ("discovery https://a.example refresh=2h stale=1h;", '"stale=" is less than "refresh="'),
        ("discovery https://a.example; issuer https://a.example;", 'has both "discovery" and "issuer"'),
        ("issuer https://a.example; discovery https://a.example;", 'has both "discovery" and "issuer"'),
        ("discovery https://a.example; jwks_uri https://a.example/jwks;", "is a second source of keys"),
        ("jwks_uri https://a.example/jwks jwks_host=b;", 'unknown parameter "jwks_host=b"'),
        ("discovery https://a.example; algorithms HS256;", "is for secret_file only"),
        ("discovery https://a.example refresh=5m stale=1h jwks_host=b.example; audience x;", None),
        ("discovery https://a.example/x/ jwks_host=[::1];", None),
    ],
)
def test_what_nginx_says(config_test, text, says):
    rc, output = config_test(
        http=f"keyward_issuer auth {{ {text} }}", location="keyward on; keyward_accept token;", store=False
    )
    assert rc == (0 if says is None else 1), output
    assert says is None or says in output
    assert "canary" not in output


def test_inspect(kw, folder, make_provider):
    provider = make_provider()
    (folder / "jwks").write_bytes(provider.jwks())
    (folder / "conf").write_text("keyward_issuer auth { discovery https://a.example/x; audience api; }\n")

    def inspect(*keys, **claims):
        token = provider.token(aud="api", **claims)
        run = kw.run("--json", "token", "inspect", "--no-store", "--conf", folder / "conf", *keys, input=token)
        assert run.rc in (0, 1), run.stderr
        return json.loads(run.stdout)

    answer = inspect(iss="https://a.example/x")
    assert answer["reason"] == "keys_unavailable"
    assert any("are where the metadata say of https://a.example/x" in remark for remark in answer["remarks"])
    keys = ("--keys", f"auth={folder / 'jwks'}")
    assert inspect(*keys, iss="https://a.example/x")["accepted"]
    assert not inspect(*keys, iss="https://a.example/x/")["accepted"]
    (folder / "conf").write_text("keyward_issuer auth { discovery https://a.example/x; issuer b; }\n")
    run = kw.run("token", "inspect", "--no-store", "--conf", folder / "conf", input=provider.token())
    assert run.rc == 2 and 'has both "discovery" and "issuer"' in run.stderr
