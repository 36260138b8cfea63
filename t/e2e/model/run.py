#!/usr/bin/python3
"""Holds keyward against the model: random journals, in rounds, each with a store and an nginx of its own.

    t/e2e/model/run.py --decisions 1000000          as `make check` does
    t/e2e/model/run.py --seed 7 --decisions 20000   the same again, as far as a race can be
    t/e2e/model/run.py --replay FILE                a journal that failed
    t/e2e/model/run.py --mutate NAME                with a model that errs: it has to find that. Repeated, with all of them: a
                                                    build with known faults can be searched for others

It prints its seed. A failure is shrunk to the shortest journal that still fails, written to a file, and the exit status is 1.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from harness.build import PROJECT, Build  # noqa: E402
from model.journal import journal  # noqa: E402
from model.mutations import MUTATIONS, mutated  # noqa: E402
from model.route import decide  # noqa: E402
from model.shrink import shrink  # noqa: E402
from model.site import Site  # noqa: E402

ROUND = 20000  # decisions


def play(build, ops, model=decide):
    """Runs a journal on a fresh site: (problems, the site)."""
    site = Site(build)
    try:
        for op in ops:
            site.run(op)
        site.close()
    except BaseException:
        site.abandon()
        raise
    return site.check(model), site


def fails(build, model=decide, times=2):
    """A function that tells what is wrong when a journal is played, and "" where nothing is: so many times, as a race may be missed."""

    def run(ops):
        for _ in range(times):
            try:
                problems, _ = play(build, ops, model)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            if problems:
                return problems[0].text
        return ""

    return run


def describe(problems, site):
    seen = {one.number: one for one in site.driver.seen}
    for problem in problems[:5]:
        one = seen.get(problem.number)
        told = f"\n    {one}\n    backend: {site.backend.reached.get(problem.number)}" if one else ""
        print(f"  {problem.text}{told}")
    print(f"  {len(problems)} in all")


def rounds(build, seed, decisions, model=decide, file=None, say=print):
    """Plays journals until so many decisions were made. Answers with the shortest failing journal, or None."""
    done, number, started, answers = 0, 0, time.monotonic(), Counter()
    while done < decisions:
        ops = journal(f"{seed}/{number}", min(ROUND, decisions - done))
        error = None
        try:
            problems, site = play(build, ops, model)
        except Exception as failure:  # the command, nginx or an answer that never came: shrunk like any other
            problems, error = [], failure
        if problems or error:
            say(f"seed {seed}, round {number}: FAILED {error or ''}")
            if problems:
                describe(problems, site)
            short = shrink(ops, fails(build, model), say)
            path = Path(file or build.folder / f"model-{seed}-{number}.json")
            path.write_text(json.dumps({"seed": seed, "round": number, "ops": short}, indent=1) + "\n")
            say(f"{len(short)} operations fail, too: {path}\nagain: t/e2e/model/run.py --replay {path}")
            return short
        done += len(site.driver.seen)
        number += 1
        answers.update(seen.reason or ("admitted" if seen.status else "no answer") for seen in site.driver.seen)
        say(f"round {number}: {done} decisions, {time.monotonic() - started:.0f} s, {len(site.stores.states)} stores,"
            f" {len(site.configurations.states)} configurations", flush=True)  # fmt: skip
    say(f"{done} decisions as the model has them, seed {seed}: {dict(answers.most_common())}")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=ROUND)
    parser.add_argument("--seed", default=None)
    parser.add_argument("--replay", metavar="FILE")
    parser.add_argument("--file", help="where a failing journal goes")
    parser.add_argument("--mutate", choices=MUTATIONS, action="append", default=[])
    parser.add_argument("--build-dir", default=PROJECT / "build")
    parser.add_argument("--nginx", default="nginx")
    options = parser.parse_args()
    build = Build(options.build_dir, options.nginx)
    model = mutated(*options.mutate)
    if options.replay:
        problems, site = play(build, json.loads(Path(options.replay).read_text())["ops"], model)
        describe(problems, site)
        return 1 if problems else 0
    seed = options.seed or str(random.getrandbits(32))
    print(f"seed {seed}", flush=True)
    return 1 if rounds(build, seed, options.decisions, model, options.file) else 0


if __name__ == "__main__":
    sys.exit(main())
