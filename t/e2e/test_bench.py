"""The benchmarks' own parts: reading wrk, medians of ratios, the table, the plot. And that the command runs at all."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from harness.build import PROJECT

sys.path.insert(0, str(PROJECT / "t" / "bench"))

import lab  # noqa: E402
import made_keys  # noqa: E402
import pieces  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import sender  # noqa: E402

WRK = """\
Running 2s test @ http://127.0.0.1:8080/guarded
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   276.51us   54.21us   2.31ms   89.50%
    Req/Sec    57.21k     1.02k   58.60k    85.00%
  Latency Distribution
     50%  264.00us
     75%  289.00us
     90%  321.00us
     99%    1.52ms
  113811 requests in 2.00s, 51.23MB read
"""
TROUBLE = """\
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 1811
"""
END = "Requests/sec:  56877.12\nTransfer/sec:     25.60MB\n"


# --- reading ----------------------------------------------------------------------------------------------------------


def test_wrk_is_read():
    assert lab.parse_wrk(WRK + END) == lab.Run(
        requests=113811, rps=56877.12, other=0, errors=0, p50_ms=0.264, p99_ms=1.52
    )


def test_wrks_trouble_is_read():
    run = lab.parse_wrk(WRK + TROUBLE + END)
    assert (run.other, run.errors) == (1811, 10)


@pytest.mark.parametrize("text, ms", [("950.00us", 0.95), ("1.50ms", 1.5), ("2.01s", 2010), ("1.10m", 66000)])
def test_wrks_times_have_units(text, ms):
    assert lab.parse_wrk(WRK.replace("1.52ms", text) + END).p99_ms == pytest.approx(ms)


def test_google_benchmark_is_read():
    def entry(name, aggregate, real, cpu, threads=1, unit="ns"):
        found = {"name": f"{name}_{aggregate}", "run_name": name, "real_time": real, "cpu_time": cpu}
        return {**found, "aggregate_name": aggregate, "threads": threads, "time_unit": unit}

    rows = list(
        pieces.rows_of(
            {
                "benchmarks": [
                    entry("a", "median", 50, 49),
                    entry("a", "cv", 0.031, 0.03),
                    entry("b", "median", 2, 4, 2, "us"),
                ]
            }
        )
    )
    assert [(row.name, *row.cells) for row in rows] == [("a", "49.0", "", "3.1%"), ("b", "4000.0", "2000.0", "")]


# --- figures ----------------------------------------------------------------------------------------------------------


def run_of(rps, cpu_us, busy=1.0):
    return lab.Run(requests=1000, rps=rps, other=0, errors=0, p50_ms=1, p99_ms=2, cpu_us=cpu_us, busy=busy)


def test_a_case_stands_between_its_baselines():
    bases = [run_of(100, 10), run_of(100, 10), run_of(50, 20), run_of(50, 20)]  # the machine became slow
    cases = [run_of(90, 11), run_of(60, 16.5), run_of(45, 22)]
    found = lab.comparison(cases, bases)
    assert (found.ratio.median, found.ratio.low, found.ratio.high) == pytest.approx((0.9, 0.8, 0.9))
    assert found.cpu_added_us.median == pytest.approx(1.5)
    assert found.cpu_ratio.median == pytest.approx(1.1)
    # Only the first round ran in the fast state.
    assert found.fast_added_us == pytest.approx(1)
    assert json.loads(json.dumps(found.as_dict()))["ratio"]["median"] == 0.9


def test_a_server_that_idles_is_told():
    assert lab.comparison([run_of(90, 11)], [run_of(100, 10, 0.99)] * 2).saturated
    assert not lab.comparison([run_of(90, 11)], [run_of(100, 10, 0.7)] * 2).saturated


def test_percentiles():
    assert sender.percentile([3, 1, 2], 50) == 2
    assert sender.percentile(range(1000), 99) == 990
    assert sender.percentile([7], 99) == 7


def test_made_keys_are_keys(store):
    """What a flood of random keys sends must come as far as the store."""
    keys = made_keys.make_keys(3, "test")
    assert len(set(keys)) == 3 and keys == made_keys.make_keys(3, "test")
    kw = store.kw
    lines = "".join(json.dumps({"key": key}) + "\n" for key in keys)
    # Without --weak: taken only as what fits the default format, checksum included.
    assert kw("key", "import", "-", "--verifier", "sha256", input=lines)["imported"] == 3
    assert kw.run("key", "check", input=keys[0]).rc == 0


# --- table and plot ---------------------------------------------------------------------------------------------------


def sections():
    spread = lab.Spread(0.93, 0.91, 0.96)
    speed = report.Section("speed", "Speed", ("of bare",), note="A note.")
    speed.rows = [
        report.Row(
            "guarded",
            "keyward: <all> & more",
            (spread.text(),),
            "0.92",
            True,
            {"ratio": 0.93},
            report.Bar(spread, 0.92),
        ),
        report.Row("slow", "a | rival", ("0.1",), "", None, {}, report.Bar(lab.Spread(0.1, 0.1, 0.1))),
        report.Row("late", "late", ("9",), "at most 3", False),
        report.Row("haproxy", "HAProxy", missing="haproxy isn't installed"),
    ]
    return {"speed": speed.as_dict(taken="Taken today.")}


def test_the_table_says_plainly_what_was_missed():
    lines = report.table({"machine": "One machine.", "sections": sections()}).splitlines()
    assert "Targets: 1 met, 1 missed." in lines
    assert "| keyward: <all> & more | 0.930 (0.910 to 0.960) | 0.92 | met |" in lines
    assert "| a \\| rival | 0.1 |  |  |" in lines
    assert "| late | 9 | at most 3 | **missed** |" in lines
    assert "| HAProxy | haproxy isn't installed |  |  |" in lines
    assert "A note. Taken today." in lines
    assert "of bare" not in report.table({"machine": "", "sections": sections()}, ["memory"])


def test_what_fails_loses_nothing_else():
    section = report.Section("speed", "Speed", ("of bare",))
    section.attempt("good", "good", lambda: [report.Row("good", "good", ("1",))])
    section.attempt("bad", "a bad one", lambda: [][0])
    section.attempt("more", "more", lambda: [report.Row("more", "more", ("2",))])
    assert [row.name for row in section.rows] == ["good", "bad", "more"] and not section.sound
    assert "| a bad one | could not be measured; see the output |  |  |" in report.section_lines(section.as_dict())


def test_the_plot_is_svg():
    rows = plot.bars_of(sections())
    assert [row["name"] for row in rows] == ["guarded", "slow"]
    root = ElementTree.fromstring(plot.svg(rows, "2 processors & more"))
    name = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in root.iter(f"{name}text")]
    assert "keyward: <all> & more" in texts and "a | rival" in texts
    widths = [float(element.get("width")) for element in root.iter(f"{name}rect")]
    assert widths == pytest.approx([0.93 * plot.BARS, 0.1 * plot.BARS], abs=0.1)
    assert len([e for e in root.iter(f"{name}line") if e.get("class") == "target"]) == 1
    assert "prefers-color-scheme: dark" in root.find(f"{name}style").text


def test_an_empty_plot_is_svg():
    assert "nothing was measured" in plot.svg([])


def test_what_an_earlier_run_wrote_is_read_or_forgotten(tmp_path):
    path = tmp_path / "results.json"
    assert report.load(path) == {}
    path.write_text('{"sections": {"speed"')
    assert report.load(path) == {}
    path.write_text(json.dumps({"machine": "", "sections": sections()}))
    assert report.load(path) == sections()


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.load
@pytest.mark.release_only
@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk isn't installed: make bench-deps")
def test_the_command_measures_and_writes_its_three_files(build, folder):
    command = [
        sys.executable,
        PROJECT / "t/bench/bench.py",
        "--quick",
        "--only",
        "speed",
        "--cases",
        "guarded",
        "--into",
        folder / "bench",
    ]
    environment = build.environment(KEYWARD_BUILD=build.folder, NGINX=build.nginx)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(Path(folder / "bench/results.json").read_text())
    (row,) = results["sections"]["speed"]["rows"]
    assert row["name"] == "guarded" and row["figures"]["rps"] > 0
    assert results["sections"]["speed"]["quick"] is True
    assert row["text"] in (folder / "bench/table.md").read_text()
    assert row["text"] in (folder / "bench/plot.svg").read_text()
    assert row["text"] in done.stdout and "Targets: " in done.stdout
