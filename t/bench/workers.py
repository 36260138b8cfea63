"""Whether two workers, which share the counters, the proofs and the store, each pay more for a request than one does."""

import contextlib

from lab import CLIENT_CPU, CPUS, GUARDED, PLAN, SERVER_CPU, Site, Target, compare, find_build, start_edge
from report import Row, Section

MOST = 1.05
# The kernel spreads connections over workers that listen for themselves; with many connections, evenly enough.
SERVER = "listen 127.0.0.1:@PORT_EACH@ reuseport;" + GUARDED
CONNECTIONS = 64


def measure(options, tell=print):
    rounds, seconds = (1, 1) if options.quick else (7, 2)
    # With three processors or more, none shares one with wrk.
    second_cpu = CPUS[1] if len(CPUS) > 2 else CLIENT_CPU
    shared = second_cpu == CLIENT_CPU
    section = Section(
        "workers",
        "Two workers against one",
        ("CPU time of a request, of one worker's", "throughput, of one worker's", "µs of CPU"),
        note=f"{CONNECTIONS} connections, all with the same key, so all on the same counter."
        + (
            " The second worker shares its processor with wrk, which costs it what the row without keyward shows."
            if shared
            else ""
        ),
    )
    with contextlib.ExitStack() as stack:
        build = find_build()
        edges = []
        fields = {}
        for cpus in ((SERVER_CPU,), (SERVER_CPU, second_cpu)):
            site = stack.enter_context(Site(build))
            site.store.kw(*PLAN)
            edge = start_edge(site, cpus, server=SERVER)
            edges.append(edge)
            fields[edge] = {"Authorization": f"Bearer {site.store.key(subject='acme', plan='pro')['key']}"}
        results = {}
        for name, text in (
            ("off", "keyward off"),
            ("guarded", "keyward: bcrypt key, scope, plan limit, identity, limit fields"),
        ):
            one, two = (
                Target(
                    f"http://127.0.0.1:{edge.value('PORT_EACH')}/{name}",
                    tuple(edge.workers()),
                    fields[edge],
                    CONNECTIONS,
                )
                for edge in edges
            )
            one.warm()
            two.warm()
            results[name] = result = compare(two, one, rounds, seconds)
            cells = (
                result.cpu_ratio.text(),
                result.ratio.text(),
                f"{result.base_cpu_us * result.cpu_ratio.median:.2f}",
            )
            wanted = (f"at most {MOST}", result.cpu_ratio.median <= MOST) if name == "guarded" else ()
            section.rows.append(Row(name, text, cells, *wanted, figures=result.as_dict()))
            tell(f"{text:64} CPU time {result.cpu_ratio.text()}, throughput {result.ratio.text()}")
        # What nginx itself loses (to wrk, to caches) is none of keyward's, so this is the better measure; but the target is about the row above.
        factor = results["guarded"].cpu_ratio.median / results["off"].cpu_ratio.median
        text = "keyward's part: the second row by the first"
        section.rows.append(Row("part", text, (f"{factor:.3f}", "", ""), figures={"factor": round(factor, 4)}))
        tell(f"{text:64} {factor:.3f}")
    return section
