#!/usr/bin/python3
"""All measurements, one command: bench.py [--quick] [--only SECTION]...

Writes results.json, table.md and plot.svg into BUILD/bench (with --quick into BUILD/bench/quick), and prints the table. A section that isn't
measured this time keeps what an earlier run found, and so do, with --cases, its other rows. Ends with status 1 where a section could not be measured; a target that is missed is said, and is no error.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import time
import traceback
from pathlib import Path

SECTIONS = ("speed", "tokens", "mcp", "instructions", "keys", "workers", "memory", "stress", "pieces")


def measurement(name):
    """The function measure(options, tell) of a section; imported when it is wanted, as each may want other packages."""
    module = {"keys": "many_keys"}.get(name, name)
    return __import__(module).measure


def machine():
    """In one line: what a figure depends on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return f"{len(os.sched_getaffinity(0))} processors ({model}), {system}, Linux {platform.release()}, {platform.machine()}."


def write(folder, results):
    import plot
    import report

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "table.md").write_text(report.table(results))
    (folder / "plot.svg").write_text(plot.svg(plot.bars_of(results["sections"]), results["machine"]))


def with_rows(rows, newer):
    """Rows, in which those of the same names give way to newer ones; what is new comes last."""
    by_name = {row["name"]: row for row in newer}
    return [by_name.pop(row["name"], row) for row in rows] + list(by_name.values())


def run(options, names, folder, tell):
    """Measures, and writes after each section, so that what is there isn't lost. (these sections' table, whether all could be measured)"""
    import report

    known = report.load(folder / "results.json")
    results, sound = {}, True
    for name in names:
        tell(f"--- {name}")
        start = time.monotonic()
        try:
            section = measurement(name)(options, tell)
            sound = sound and section.sound
        except Exception:
            traceback.print_exc()
            sound = False
            section = report.Section(
                name, name, ("",), rows=[report.Row(name, name, missing="could not be measured; see the output")]
            )
        seconds = round(time.monotonic() - start)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        quick = "; quick: too short to be quoted" if options.quick else ""
        measured = section.as_dict(taken=f"Taken {now} in {seconds} s{quick}.", seconds=seconds, quick=options.quick)
        if options.cases and name in known:
            measured["rows"] = with_rows(known[name]["rows"], measured["rows"])
            measured["taken"] = f"The latest of these rows: {measured['taken'][0].lower()}{measured['taken'][1:]}"
        known[name] = measured
        results = {"machine": machine(), "sections": {name: known[name] for name in SECTIONS if name in known}}
        write(folder, results)
    return report.table(results, names), sound


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="everything in its shortest form: shows that it works, not what it costs"
    )
    parser.add_argument(
        "--only", nargs="+", action="extend", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS)
    )
    parser.add_argument("--cases", nargs="+", default=[], metavar="CASE", help="rows of the sections speed and stress")
    parser.add_argument("--keys", type=int, help="in the large store (10,000,000)")
    parser.add_argument("--requests", type=int, help="of the section memory (10,000,000)")
    parser.add_argument("--active", type=int, help="keys that are active after the cold start (10,000)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="instead of BUILD/bench")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("bench.py: wrk isn't installed: make bench-deps")

    from lab import find_build

    # What is too short to be quoted never takes the place of what isn't.
    folder = options.into or find_build().folder / ("bench/quick" if options.quick else "bench")
    text, sound = run(options, options.only or SECTIONS, folder, lambda line: print(line, flush=True))
    print(f"\n{text}\n{folder}/table.md, results.json, plot.svg")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
