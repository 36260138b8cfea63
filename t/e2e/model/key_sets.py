"""Key sets on their way: published by an issuer, and then known to every worker."""

import time

from harness.client import Connection
from harness.wait import until

from .history import History
from .issuers import FIRST_SETS, ISSUERS, algorithms_of

UNKNOWN = ("invalid_token", "keys_unavailable")  # what is said of a token whose key isn't there
# What every variant of an issuer admits, but for the key.
PROBE = {"aud": ["api", "web"], "sub": "probe", "uid": "probe", "use": {"kind": "access"}}


class KeySets:
    """adopted: the history of what workers know, {source: names of keys, None: there are none}. servers: of whether the server of the fetched set
    answers as it should."""

    def __init__(self, build, edge, signers):
        self._build, self._edge, self._signers = build, edge, signers
        self.adopted, self.servers = History(dict(signers.sets)), History(True)
        self._begun = False
        self.starved = None  # the set that is too old

    def begin(self):
        """Waits, once, until each worker has the first set that is fetched."""
        if not self._begun:
            self._await("fetched", (), FIRST_SETS["fetched"])
        self._begun = True

    def change(self, source, keys, amid=lambda: None):
        """Publishes keys, and waits until each worker has them. amid: what happens before they have."""
        start = time.monotonic()
        self._signers.publish(source, keys)
        amid()
        if source != "fetched" or self._signers.serving == "well":
            self._adopt(source, start)

    def spoil(self, source, keys):
        """Writes nonsense where the keys were, waits until each worker has seen it and kept them, and publishes others."""
        if source == "fetched" or keys == self.adopted.last[source]:
            return
        since = len(self._edge.log)
        self._signers.spoil(source)
        told = [
            f'issuer "{issuer.name}" goes on with the keys that it had'
            for issuer in ISSUERS[0]
            if issuer.source == source
        ]
        workers = len(self._edge.workers())
        self._until(
            lambda: all(self._edge.log[since:].count(text) >= workers for text in told), f"{told} of each worker"
        )
        self.change(source, keys)

    def serve(self, how):
        """How the server of the fetched set answers from now on (Signers.serve). As it should: what was published meanwhile gets there."""
        start = time.monotonic()
        self._signers.serve(how)
        self.servers.change(how == "well", start, time.monotonic())
        if how == "well":
            self._adopt("fetched", start)

    def starve(self, reload):
        """Stops the server, and waits until the set that is fetched is too old for each worker. reload: has nginx take another `stale`."""
        start, self.starved = time.monotonic(), self.adopted.last["fetched"]
        self.serve("")
        reload("2s")
        connections = self._connections()
        for connection in connections.values():
            self._until(
                lambda: self._reason(connection, "fetched", "f0") == "keys_unavailable",
                "the end of a set that is too old",
            )
            connection.close()
        self.adopted.change({**self.adopted.last, "fetched": None}, start, time.monotonic())

    def feed(self, reload):
        """The end of that: first the same set is young enough again, and then there may be another."""
        start = time.monotonic()
        reload("1h")
        self.adopted.change({**self.adopted.last, "fetched": self.starved}, start, time.monotonic())
        self.starved = None
        self.serve("well")

    def fetched_too_often(self, deaths):
        """What is wrong, or "". A set is fetched after 80 % of `refresh` and, for all unknown kids together, once in 30 s. deaths: of workers
        that may have been fetching."""
        seconds = time.monotonic() - self._signers.born
        most = 2 + seconds / 0.8 + seconds / 30 + deaths
        count = self._signers.server.count
        return f"{count} fetches in {seconds:.1f} s" if count > most else ""

    def _adopt(self, source, start):
        old, new = self.adopted.last[source], self._signers.sets[source]
        if old != new:
            self._await(source, old, new)
            self.adopted.change({**self.adopted.last, source: new}, start, time.monotonic())

    def _await(self, source, old, new):
        """Until each worker takes the new keys, and none of the others that it had."""
        connections = self._connections()
        for connection in connections.values():
            for key in dict.fromkeys((*new, *old)):
                self._until(
                    lambda: (self._reason(connection, source, key) not in UNKNOWN) == (key in new),
                    f"{new} of {source} in each worker",
                )
            connection.close()

    def _reason(self, connection, source, key):
        """What a worker says to a token of the key."""
        answer = connection.request("GET", f"/{source}", {"Authorization": f"Bearer {self._probe(source, key)}"})
        return answer.header("X-Reason") or ""

    def _connections(self):
        """{pid: a connection to this worker}"""
        found, workers = {}, set(self._edge.workers())

        def another():
            connection = Connection(int(self._edge.value("PORT_EACH")), 30 * self._build.patience)
            pid = int(connection.request("GET", "/").header("X-Worker"))
            if pid in found or pid not in workers:
                connection.close()
            else:
                found[pid] = connection
            return set(found) == workers

        self._until(another, f"an answer of each of {workers}")
        return found

    def _probe(self, source, key):
        """A token that only its key decides about. It names none, so that nobody fetches for it."""
        claims = {**PROBE, "iss": f"https://{source}.example"}
        op = {"token": "probe", "key": key, "alg": algorithms_of(key)[0], "kid": None, "iat": -5, "exp": 200,
              "typ": "at+jwt" if source == "oauth" else "JWT", "claims": claims, "flaw": ""}  # fmt: skip
        return self._signers.mint(op)[0]

    def _until(self, condition, what):
        until(condition, 20 * self._build.patience, what)
