"""The files of conf.d, as they are published: only paths, ports and servers are replaced."""

from harness.build import PROJECT
from harness.tokens import jwks

KEY_SERVER = "http://127.0.0.1:8081"  # where the files look for the keys of tokens


def published(name, places=None):
    text = (PROJECT / "conf.d" / name).read_text()
    for old, new in {
        "/var/lib/keyward;": "@STORE@;",
        "listen 8080;": "listen 127.0.0.1:@PORT@;",
        "http://127.0.0.1:9000": "@BACKEND@",
        **(places or {}),
    }.items():
        assert old in text, f"conf.d/{name} has no {old}"
        text = text.replace(old, new)
    return text


def with_login(name, login, service):
    """The file, with the keys of sessions on a server of ours."""
    service.on("/.well-known/jwks.json", body=jwks(login))
    return published(name, {KEY_SERVER: service.url})
