"""Whether a request costs the same before a store of 1,000 keys and one of 10,000,000, once both are warm."""

import contextlib

from lab import GUARDED, PLAN, Site, Target, compare, find_build, start_edge
from made_keys import import_keys, import_strangers, make_keys, wrk_script
from report import Row, Section

FEW = 1000  # keys that are in use, in both stores
MOST = 1.03


def measure(options, tell=print):
    rounds, seconds = (2, 1) if options.quick else (7, 2)
    count = options.keys or (100_000 if options.quick else 10_000_000)
    section = Section(
        "keys",
        f"Many keys: a store of {count:,} against one of {FEW:,}",
        ("of the small store's throughput", "of its CPU time", "µs of CPU"),
        note=f"The same {FEW:,} bcrypt keys in turn before both, all remembered. The others were imported, and are never used. The last row's keys, "
        "as many as a worker can't remember, are each looked up in the store again.",
    )
    with contextlib.ExitStack() as stack:
        keys = make_keys(FEW, "in use")
        many = make_keys(min(100_000, count // 4), "in turn")
        build = find_build()
        targets = []
        for strangers in (0, max(0, count - FEW - len(many))):
            site = stack.enter_context(Site(build))
            site.store.kw(*PLAN)
            if strangers:
                tell(f"importing {count:,} keys")
                import_keys(site, many, "sha256", subject="acme", plan="pro")
                import_strangers(site, strangers, subject="acme", plan="pro")
            import_keys(site, keys, "bcrypt:4", subject="acme", plan="pro")
            edge = start_edge(site, server=GUARDED)
            targets.append(
                Target(
                    edge.url("/guarded"), tuple(edge.workers()), {}, script=wrk_script(site.folder / "keys.lua", keys)
                )
            )
            targets[-1].warm(2 * len(keys))
        small, large = targets
        turning = Target(large.url, large.pids, {}, script=wrk_script(site.folder / "many.lua", many))
        tests = (
            ("large", large, f"{count:,} keys, {FEW:,} in use", MOST),
            ("turning", turning, f"{count:,} keys, {len(many):,} in use in turn", None),
        )
        for name, target, text, most in tests:
            if target is turning:  # not before: what was once used is stored, and would be a burden for the row above
                target.warm(2 * len(many))
            result = compare(target, small, rounds, seconds)
            cells = (
                result.ratio.text(),
                result.cpu_ratio.text(),
                f"{result.base_cpu_us * result.cpu_ratio.median:.2f}",
            )
            wanted = (f"at most {most} of its CPU time", result.cpu_ratio.median <= most) if most else ()
            section.rows.append(Row(name, text, cells, *wanted, figures=result.as_dict()))
            tell(f"{text:44} {result.line()}")
    return section
