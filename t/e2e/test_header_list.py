"""Removing request headers: nginx's list must stay good for whoever walks it or pushes to it next.

A removal once left an empty last part in the list. nginx's proxy reads the first element of each part that it steps to, so it
passed uninitialised memory on, or took a length from it; any client could do that with one spoofed header, without a key.
"""

import pytest

SERVER = """
location /off    { keyward off; proxy_pass @BACKEND@; }
location /shadow { keyward shadow; proxy_pass @BACKEND@; }
location /on     { keyward on; keyward_scope methods=GET read; keyward_scope methods=POST write; proxy_pass @BACKEND@; }
"""
SPOOF = ("X-Keyward-Subject", "somebody")


def place(where, others):
    half = len(others) // 2
    return {
        "first": [SPOOF, *others],
        "last": [*others, SPOOF],
        "in the middle": [*others[:half], SPOOF, *others[half:]],
        "between all": [SPOOF, *(field for other in others for field in (SPOOF, other, SPOOF)), SPOOF],
        "before the last": [*others[:-1], SPOOF, *others[-1:]],
    }[where]


# nginx's list has 20 elements in its first part: the sizes are around that.
@pytest.mark.parametrize("count", [0, 1, 2, 17, 18, 19, 20, 21, 39, 40, 41, 60])
@pytest.mark.parametrize("where", ["first", "last", "in the middle", "between all", "before the last"])
def test_what_is_removed_leaves_the_rest_alone(edge, store, backend, count, where):
    e = edge(server=SERVER)
    key = store.key(verifier="sha256", scope="read")["key"]
    others = [(f"X-Other-{i}", str(i)) for i in range(count)]
    ours = [("X-API-Key", key), ("X-HTTP-Method-Override", "DELETE")]
    for path in ("/off", "/shadow", "/on"):
        for headers in (place(where, others) + ours, ours + place(where, others)):
            assert e.get(path, headers).status == 200
            seen = [(name, value) for name, value in backend.last.headers if name.startswith("X-Other-")]
            assert seen == others
            known = {"host", "connection", "x-keyward-kind", "x-keyward-key-id", "x-keyward-scopes"}
            kept = set() if path == "/on" else {"x-api-key", "x-http-method-override"}
            names = {name.lower() for name, _ in backend.last.headers if not name.startswith("X-Other-")}
            assert names <= known | kept and kept <= names
            assert backend.last.header("X-Keyward-Subject") is None
