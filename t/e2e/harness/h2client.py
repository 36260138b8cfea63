"""HTTP/2 without TLS (prior knowledge), over python3-h2. One thread; streams run at the same time."""

import socket

import h2.config
import h2.connection
import h2.events

from .client import Closed, Response, pairs, raw


class StreamReset(Exception):
    """The server reset the stream."""

    def __init__(self, code):
        super().__init__(f"stream reset with code {int(code)}")
        self.code = int(code)


class H2Connection:
    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self._responses = {}
        self._ended = {}  # stream id: None when complete, or the error
        self._flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def request(self, method="GET", path="/", headers=(), body=None):
        return self.finish(self.start(method, path, headers, body))

    def start(self, method="GET", path="/", headers=(), body=None, end=True):
        """Begins a request and returns its stream; with end=False the body goes on with data()."""
        stream = self.h2.get_next_available_stream_id()
        block = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost")]
        block += [(raw(name).lower(), raw(value)) for name, value in pairs(headers)]
        self.h2.send_headers(stream, block, end_stream=end and body is None)
        self._flush()
        if body is not None:
            self.data(stream, body, end)
        return stream

    def data(self, stream, data, end=False):
        data = raw(data)
        while True:
            window = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if window == 0 and data:
                self._receive()
                continue
            part, data = data[:window], data[window:]
            self.h2.send_data(stream, part, end_stream=end and not data)
            self._flush()
            if not data:
                return

    def reset(self, stream, code=8):
        self.h2.reset_stream(stream, code)
        self._flush()

    def finish(self, stream):
        """Waits for the whole response; StreamReset where the server reset it."""
        while stream not in self._ended:
            self._receive()
        error = self._ended[stream]
        if error is not None:
            raise error
        return self._responses[stream]

    def _flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def _receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed("the server closed the HTTP/2 connection")
        for event in self.h2.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            fields = [(_text(name), _text(value)) for name, value in event.headers]
            self._responses[event.stream_id] = Response(int(fields[0][1]), fields[1:])
        elif isinstance(event, h2.events.DataReceived):
            self._responses[event.stream_id].body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self._responses[event.stream_id].trailers = [(_text(name), _text(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            self._ended[event.stream_id] = None
        elif isinstance(event, h2.events.StreamReset):
            self._ended.setdefault(event.stream_id, StreamReset(event.error_code))


def _text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value
