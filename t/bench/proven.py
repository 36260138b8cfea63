"""Clients whose keys are remembered, at their pace, while something else happens to the same edge."""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from lab import CLIENT_CPU, GUARDED, QUIET, wrk

BCRYPT_THREADS = 2
PROVEN = 16  # clients whose keys are remembered
PACE_MS = 5  # after each answer, so that they leave the worker time, as clients do


class Every:
    """Calls what it is given again and again, in the background."""

    def __init__(self, seconds, call):
        self._seconds, self._call = seconds, call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(self._seconds):
            self._call()


@contextlib.contextmanager
def on_cpu(cpu):
    """This thread, which sends, on one processor; not what is started meanwhile by others."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def with_proven_clients(edge, script, seconds, send_beside):
    """wrk as PROVEN clients at their pace while send_beside() sends; (its Run, what send_beside answered)."""
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(wrk, edge.url("/guarded"), {}, seconds, PROVEN, script)
        with on_cpu(CLIENT_CPU):
            answers = send_beside()
        return running.result(), answers


def bcrypt_edge(site):
    """The event loop and its bcrypt threads may run on any processor, as they would; wrk and the sender keep to one."""
    return site.start(http=f"{QUIET}\nkeyward_bcrypt_concurrency {BCRYPT_THREADS};", server=GUARDED, log_level="error")
