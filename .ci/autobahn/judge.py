"""Sums up a report of Autobahn|Testsuite, strictly.

    judge.py REPORT PLANNED [EXCEPTIONS]

REPORT is the folder with index.json, PLANNED how many cases must have a result. EXCEPTIONS is a file with a line for
each case or group that may fail: its id, where * is any number, and why. Exit code 1 if any other case is not OK or
informational, or has no result. Runs on the suite's own Python, 2.7.
"""
from __future__ import print_function

import collections
import fnmatch
import io
import json
import os
import sys

GOOD = ("OK", "INFORMATIONAL")


def main(report, planned, exceptions=None):
    results = read_results(os.path.join(report, "index.json"))
    allowed = read_exceptions(exceptions) if exceptions else []
    needed = set()
    failed, excused = [], 0
    for case in sorted(results, key=lambda case: [int(part) for part in case.split(".")]):
        result = results[case]
        if result["behavior"] in GOOD and result["behaviorClose"] in GOOD:
            continue
        excuses = [pattern for pattern in allowed if fnmatch.fnmatchcase(case, pattern)]
        needed.update(excuses)
        if excuses:
            excused += 1
        else:
            failed.append(case)
            print("case {0}: {1}, close {2}".format(case, result["behavior"], result["behaviorClose"]))

    counts = collections.Counter(result["behavior"] for result in results.values())
    for name in ("OK", "NON-STRICT", "FAILED"):
        counts.setdefault(name, 0)
    print(", ".join("{0} {1}".format(counts[name], name) for name in sorted(counts, key=lambda name: -counts[name])))
    unneeded = [pattern for pattern in allowed if pattern not in needed and fnmatch.filter(results, pattern)]
    if unneeded:
        print("exceptions that nothing needed: " + " ".join(unneeded))
    missing = planned - len(results)
    if missing:
        print("{0} of {1} cases have no result".format(missing, planned))
    passed = len(results) - len(failed) - excused
    print("{0} passed, {1} failed, {2} excepted".format(passed, len(failed) + max(missing, 0), excused))
    return 1 if failed or missing else 0


def read_results(path):
    if not os.path.exists(path):
        return {}
    with io.open(path, encoding="utf-8") as index:
        agents = json.load(index)
    return {case: result for results in agents.values() for case, result in results.items()}


def read_exceptions(path):
    with io.open(path, encoding="utf-8") as lines:
        lines = [line.split() for line in lines]
    return [words[0] for words in lines if words and not words[0].startswith("#")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
