"""gRPC, with a real client and a real server behind nginx: what a refused call ends with."""

from concurrent import futures

import grpc
import pytest
from harness.site import Site

METHOD = "/test.Echo/Say"


class Echo(grpc.GenericRpcHandler):
    """Methods of bytes: no generated code is needed."""

    def __init__(self):
        self.calls = []

    def service(self, details):
        self.calls.append(dict(details.invocation_metadata))
        if details.method.endswith("/Stream"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, _: iter(requests))
        return grpc.unary_unary_rpc_method_handler(lambda request, _: request)


@pytest.fixture(scope="module")
def site(build):
    echo = Echo()
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[echo])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Site(build) as site:
            site.echo = echo
            site.good = site.store.key(verifier="sha256", scope=["say"])["key"]
            site.other = site.store.key(verifier="sha256", scope=["listen"])["key"]
            site.expired = site.store.key(verifier="sha256", scope=["say"])["id"]
            site.start(
                server=f"""
                    keyward on;
                    keyward_message unauthorized "Schlüssel fehlt: 100%";
                    error_page 401 403 429 /page;
                    location = /page {{ keyward off; return 200 page; }}
                    location / {{ keyward_scope say; grpc_pass grpc://127.0.0.1:{port}; }}
                    location /test.Limited/ {{ keyward_limit 1r/h; grpc_pass grpc://127.0.0.1:{port}; }}
                """,
            )
            yield site
    finally:
        server.stop(None)


@pytest.fixture
def channel(site):
    site.echo.calls.clear()
    with grpc.insecure_channel(f"127.0.0.1:{site.edge.value('PORT_H2')}") as channel:
        yield channel


def call(channel, key=None, method=METHOD):
    metadata = [("authorization", f"Bearer {key}")] if key else []
    return channel.unary_unary(method)(b"hello", metadata=metadata, timeout=20)


def refused(channel, key=None, method=METHOD):
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, key, method)
    return caught.value


def test_an_admitted_call(site, channel):
    assert call(channel, site.good) == b"hello"
    assert "authorization" not in site.echo.calls[0], "the credential stays here"


@pytest.mark.parametrize("key", [None, "kw_wrong"])
def test_unauthenticated(site, channel, key):
    error = refused(channel, key)
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED
    assert error.details() == "Schlüssel fehlt: 100%", "decoded from its percent-encoding"
    assert site.echo.calls == []


def test_permission_denied(site, channel):
    error = refused(channel, site.other)
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert error.details() == "insufficient scope"
    assert site.echo.calls == []


def test_resource_exhausted(site, channel):
    call(channel, site.good, "/test.Limited/Say")
    error = refused(channel, site.good, "/test.Limited/Say")
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == "rate limit exceeded"
    metadata = dict(error.trailing_metadata()) | dict(error.initial_metadata())
    assert int(metadata["retry-after"]) >= 1
    assert len(site.echo.calls) == 1


def test_a_stream_that_is_refused_at_its_start(site, channel):
    stream = channel.stream_stream("/test.Echo/Stream")(iter([b"a", b"b"]), timeout=20)
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    # The connection goes on.
    admitted = channel.stream_stream("/test.Echo/Stream")(
        iter([b"a", b"b"]), metadata=[("authorization", f"Bearer {site.good}")], timeout=20
    )
    assert list(admitted) == [b"a", b"b"]
