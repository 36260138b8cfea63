"""What a token costs that nobody has seen yet, beside its signature alone: by itself, and in nginx, where each request brings another one."""

import contextlib
import json
import subprocess
import time

from harness.tokens import ASYMMETRIC, SYMMETRIC, Issuers, Signer
from lab import SERVER_CPU, Site, Target, compare, find_build, start_edge
from made_keys import wrk_script
from report import Row, Section
from speed import TOKEN_LOCATION, TOKEN_RULES

MOST, MOST_HMAC_US = 1.3, 3.0
IN_NGINX = ("EdDSA", "ES256", "RS256", "HS256")
TOKENS = 20_000  # a worker remembers 8,192: in turn, each is always new
LOCATIONS = "location = /off { keyward off; empty_gif; }" + TOKEN_LOCATION


def run_pieces(build, options):
    """{name: µs}: medians of repetitions that are taken in turn, on the server's processor."""
    repetitions, seconds = (1, 0.02) if options.quick else (15, 0.1)
    command = [
        "taskset",
        "-c",
        str(SERVER_CPU),
        build.folder / "pieces",
        "--benchmark_filter=^(signature_alone|token_first_seen)/",
    ]
    command += ["--benchmark_format=json", f"--benchmark_min_time={seconds}", f"--benchmark_repetitions={repetitions}"]
    command += ["--benchmark_enable_random_interleaving=true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    benchmarks = json.loads(done.stdout)["benchmarks"]
    medians = [b for b in benchmarks if b.get("aggregate_name") == "median"] or benchmarks
    return {b["run_name"]: b["cpu_time"] / 1000 for b in medians}


def in_nginx(build, algorithm, options):
    """The comparison of requests with a token each that isn't remembered against the same with keyward off."""
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site(build))
        site.store.kw(
            "plan", "set", "pro", "--scope", "posts:read", "--scope", "posts:write", "--limit", "100000000r/h"
        )
        signer = Signer(algorithm, kid="1")
        block = Issuers(site.folder).block("auth", signer if algorithm in SYMMETRIC else [signer], TOKEN_RULES)
        edge = start_edge(site, http=block, server=LOCATIONS)
        tokens = [signer.token(lifetime=86400, jti=f"{time.time()} {n}", scope="posts:read") for n in range(TOKENS)]
        script = wrk_script(site.folder / "tokens.lua", tokens)
        target, base = (Target(edge.url(path), tuple(edge.workers()), {}, script=script) for path in ("/token", "/off"))
        target.warm()
        return compare(target, base, *((1, 1) if options.quick else (9, 1)))


def measure(options, tell=print):
    section = Section(
        "tokens",
        "First-seen tokens, beside the signature alone",
        ("signature alone, µs", "a token judged, µs", "of the signature", "in nginx: µs of CPU added to a request"),
        note="The signature alone is the library's function with all prepared (OpenSSL; for EdDSA libsodium); a token judged is all that the module does with one "
        "that it doesn't remember: parsed, verified, its claims read, kept. Medians of 15 repetitions in turn, by Google Benchmark. The last "
        f"column is the whole request, with scope, limit, identity and limit fields, each with another of {TOKENS:,} tokens: of 9 rounds of 1 s "
        "against the same with keyward off.",
    )
    build = find_build()
    if not (build.folder / "pieces").exists():
        section.rows.append(
            Row(
                "tokens",
                "all",
                missing="build/pieces isn't built: libbenchmark-dev was missing, or `make bench` wasn't used",
            )
        )
        return section
    found = run_pieces(build, options)
    for algorithm in [*ASYMMETRIC, *SYMMETRIC]:
        alone, judged = found[f"signature_alone/{algorithm}"], found[f"token_first_seen/{algorithm}"]
        hmac = algorithm in SYMMETRIC
        target = f"at most {MOST_HMAC_US:.0f} µs more" if hmac else f"at most {MOST} times"
        met = judged - alone <= MOST_HMAC_US if hmac else judged <= MOST * alone
        figures = {"alone_us": round(alone, 3), "judged_us": round(judged, 3)}
        added = ""
        if algorithm in IN_NGINX:
            result = in_nginx(build, algorithm, options)
            added = result.cpu_added_us.text("+.2f")
            figures["in_nginx"] = result.as_dict()
        cells = (f"{alone:.2f}", f"{judged:.2f}", f"{judged / alone:.2f} ({judged - alone:+.2f} µs)", added)
        section.rows.append(Row(algorithm, algorithm, cells, target, met, figures))
        tell(f"{algorithm:8} {cells[2]}  {added}")
    return section
