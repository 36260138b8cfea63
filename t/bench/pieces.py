"""The pieces that a request is made of, by Google Benchmark: runs build/pieces and tells what it found."""

import json
import subprocess

from lab import find_build
from report import Row, Section

UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def rows_of(report):
    """From Google Benchmark's JSON: medians where it gave them."""
    benchmarks = report["benchmarks"]
    medians = [b for b in benchmarks if b.get("aggregate_name") == "median"]
    spreads = {b["run_name"]: b["real_time"] for b in benchmarks if b.get("aggregate_name") == "cv"}
    for benchmark in medians or benchmarks:
        real, cpu = (benchmark[name] * UNITS[benchmark["time_unit"]] for name in ("real_time", "cpu_time"))
        name = benchmark.get("run_name", benchmark["name"])
        threads = benchmark.get("threads", 1)
        spread = f"{spreads[name]:.1%}" if name in spreads else ""
        yield Row(
            name,
            f"`{name.replace('/real_time', '')}`",
            (f"{cpu:.1f}", f"{real:.1f}" if threads > 1 else "", spread),
            figures={"cpu_ns": round(cpu, 2), "real_ns": round(real, 2), "threads": threads},
        )


def measure(options, tell=print):
    section = Section(
        "pieces",
        "Pieces, by Google Benchmark",
        ("ns of CPU", "ns by the clock, over both threads", "spread"),
        note="Medians of repetitions; the spread is the coefficient of variation.",
    )
    program = find_build().folder / "pieces"
    if not program.exists():
        section.rows.append(
            Row(
                "pieces",
                "all",
                missing="build/pieces isn't built: libbenchmark-dev was missing, or `make bench` wasn't used",
            )
        )
        return section
    repetitions, seconds = (1, 0.02) if options.quick else (9, 0.1)
    command = [
        program,
        "--benchmark_format=json",
        f"--benchmark_min_time={seconds}",
        f"--benchmark_repetitions={repetitions}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    section.rows += rows_of(json.loads(done.stdout))
    for row in section.rows:
        tell(f"{row.name:44} {row.figures['cpu_ns']:10.1f} ns")
    return section
