"""Whether a worker's memory stays where it is over ten million requests with more keys than it remembers."""

import contextlib
import os

from harness.drive import descriptors, private_kib
from harness.wait import until
from lab import GUARDED, PLAN, SERVER_CPU, Site, Target, find_build, start_edge
from made_keys import import_keys, make_keys, wrk_script
from report import Row, Section

KEYS = 20_000  # a worker remembers 16,384 principals: these turn its cache over all the time
LOOKS = 10
MOST_KIB = 512  # malloc's own unrest


def sockets(pid):
    """How many sockets the process has open."""
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
    return count


def measure(options, tell=print):
    total = options.requests or (50_000 if options.quick else 10_000_000)
    section = Section(
        "memory",
        f"Memory over {total:,} requests",
        ("after a tenth", "at the end", "growth", "descriptors"),
        note=f"The worker's private memory (RssAnon), {KEYS:,} keys in turn, more than a worker remembers; each look is between two runs of wrk, when all connections are "
        "closed. The zone (16 MB) is shared and doesn't grow.",
    )
    with Site(find_build()) as site:
        site.store.kw(*PLAN)
        keys = make_keys(KEYS, "memory")
        import_keys(site, keys, "sha256", subject="acme", plan="pro")
        edge = start_edge(site, (SERVER_CPU,), server=GUARDED)
        (worker,) = edge.workers()
        idle = sockets(worker)

        def rest():
            until(lambda: sockets(worker) <= idle, 10, "the worker to close its connections")

        target = Target(edge.url("/guarded"), (worker,), {}, script=wrk_script(site.folder / "keys.lua", keys))
        target.warm(KEYS)
        rps = target.run(1).rps
        rest()
        files = descriptors(worker)
        looks = []  # (requests so far, KiB)
        done = 0
        while done < total:
            done += target.run(max(1, min(60, round(total / LOOKS / rps)))).requests
            rest()
            looks.append((done, private_kib(worker)))
            tell(f"{done:12,} requests  {looks[-1][1]:8,} KiB")
        first = next(kib for requests, kib in looks if requests >= total / LOOKS)
        last = looks[-1][1]
        grown = last - first
        cells = (f"{first:,} KiB", f"{last:,} KiB", f"{grown:+,} KiB", f"{descriptors(worker) - files:+}")
        met = grown <= MOST_KIB and descriptors(worker) <= files
        figures = {"kib": looks, "descriptors": [files, descriptors(worker)]}
        section.rows.append(
            Row("flat", "keyward, one worker", cells, f"at most {MOST_KIB} KiB, no descriptor", met, figures)
        )
    return section
