"""Fixtures for the end-to-end tests. A test names what it needs:

    def test_a_key_is_admitted(edge, store, backend):
        key = store.key(scope=["posts:read"])
        e = edge(location="keyward on;")
        assert e.get("/", {"X-API-Key": key["key"]}).status == 200
        assert backend.last.header("X-Keyward-Key-Id") == key["id"]
        assert e.get("/").status == 401
"""

import contextlib
import os
import resource
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from harness.backend import Backend
from harness.build import PROJECT, Build
from harness.edge import Edge
from harness.edge import config_test as run_config_test
from harness.store import Store
from harness.tokens import Issuers

TIME_LIMIT = 120  # seconds for one test


def pytest_addoption(parser):
    parser.addoption("--build-dir", default=os.environ.get("KEYWARD_BUILD", PROJECT / "build"), help="what to test")
    parser.addoption("--nginx", default=os.environ.get("NGINX", "nginx"), help="the nginx to load the module into")


def pytest_configure(config):
    config.addinivalue_line("markers", f"time_limit(seconds): bounds the test (default: {TIME_LIMIT})")
    config.addinivalue_line("markers", "load: needs the machine; one such test at a time")
    config.addinivalue_line("markers", "thorough: goes further with KEYWARD_THOROUGH=1, which make check sets")
    config.addinivalue_line("markers", "release_only: shows nothing more under sanitizers")
    # A script's background job ignores this signal, and so would all that tests start: a script that was told to ignore it can't trap it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.getuid() == 0:
        # bcrypt's threads yield to whatever else runs: beside three other tests hardly anything would be left for them.
        Edge.before = ("nice", "-n", "-9")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        config.build = Build(config.getoption("--build-dir"), config.getoption("--nginx"))
    except AssertionError as error:
        raise pytest.UsageError(str(error))


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("load"):
            item.add_marker(pytest.mark.xdist_group("load"))
        if config.build.sanitized and item.get_closest_marker("release_only"):
            item.add_marker(pytest.mark.skip(reason="shows nothing more under sanitizers"))
    # What goes one after the other takes longest, so it begins first.
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test, however it hangs, holds up the rest."""
    mark = item.get_closest_marker("time_limit")
    limit = (mark.args[0] if mark else TIME_LIMIT) * item.config.build.patience

    def on_alarm(*_):
        pytest.fail(f"took more than {limit} s")

    old = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, limit, 30)  # again for a teardown that hangs
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, old)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest.fixture(scope="session")
def build(request):
    return request.config.build


@pytest.fixture
def folder(request):
    """A folder that nginx's workers may enter (pytest's tmp_path isn't). It is kept where the test failed."""
    path = Path(tempfile.mkdtemp(prefix="keyward-e2e-"))
    path.chmod(0o755)
    yield path
    if getattr(request.node, "failed", False):
        print(f"kept: {path}")
    else:
        shutil.rmtree(path)


@pytest.fixture
def make_backend():
    """make_backend(): one more upstream server."""
    backends = []

    def make():
        backends.append(Backend())
        return backends[-1]

    yield make
    for backend in backends:
        backend.stop()


@pytest.fixture
def backend(make_backend):
    """The upstream server that location= proxies to; @BACKEND@ is its URL. See harness/backend.py."""
    return make_backend()


@pytest.fixture
def make_store(build, folder):
    """make_store("name"): one more store."""
    return lambda name: Store(build, folder / name)


@pytest.fixture
def store(make_store):
    """The store of keyward_store @STORE@, made at its first use. store.key(...) makes a key. See harness/store.py."""
    return make_store("store")


@pytest.fixture
def issuers(folder):
    """Key files of token issuers, and their keyward_issuer blocks. See harness/tokens.py."""
    return Issuers(folder)


@pytest.fixture
def kw(store):
    """The command on that store: kw("key", "list") answers with the parsed JSON, kw.run(...) with rc, stdout, stderr."""
    return store.kw


@pytest.fixture
def values(backend, store):
    """The placeholders that every configuration may use."""
    return {"BACKEND": backend.url, "STORE": lambda: store.path}


@pytest.fixture
def edge(request, build, folder, values):
    """edge(http, server, location, main, workers, store, log_level, **values): starts an nginx.

    http: what goes into http {}. server: into a server {} that listens on @PORT@ and, with HTTP/2, on @PORT_H2@.
    location: into its location / {}, which proxies to the backend. Without server and location, http has its own
    servers. main: outside http. store=False: no keyward_store. @NAME@ stands for a value, which a keyword in
    capitals gives (ISSUER=url), for the backend, the store, the PREFIX folder, or any number of ports (@PORT_TLS@).
    """
    edges = []
    stack = contextlib.ExitStack()

    def start(http="", server=None, location=None, main="", workers=1, store=True, log_level="info", **more):
        pieces = dict(http=http, server=server, location=location, main=main, workers=workers, store=store)
        prefix = folder / f"edge{len(list(folder.glob('edge*'))) + 1}"
        edge = Edge(build, prefix, {**values, **more}, log_level=log_level, **pieces)
        stack.callback(edge.close)
        edges.append(edge)
        return edge

    with stack:
        yield start
    problems = [problem for edge in edges for problem in edge.problems()]
    if getattr(request.node, "failed", False) or problems:
        for edge in edges:
            print(f"--- {edge.prefix}/error.log")
            print("\n".join([line for line in edge.log.splitlines() if "[debug]" not in line][-100:]))
    if problems:
        request.node.failed = True
        pytest.fail("nginx's log holds what must not be there:\n" + "\n".join(problems), pytrace=False)


@pytest.fixture
def config_test(build, folder, values):
    """config_test(...), with the same arguments as edge: (rc, output) of nginx -t."""

    def run(**pieces):
        more = {name: pieces.pop(name) for name in list(pieces) if name.isupper()}
        prefix = folder / f"config{len(list(folder.glob('config*'))) + 1}"
        return run_config_test(build, prefix, {**values, **more}, **pieces)

    return run
