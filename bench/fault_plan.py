#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: fault_plan.py [--only REGEX] [--case CASE]… [--rounds N]
       fault_plan.py --rest PLAN RESULTS

Prints a plan for guest/faults.py. With --rest, prints what a guest left undone of PLAN when it
ended; a case that it began without a result is marked in RESULTS, and not tried again.
"""

import argparse
import json
import re

# In the order of execution: cases that may leave a driver stuck come last.
CASES = ("one", "all", "no-io-uring", "unprivileged", "stopped")
# name: kind, options of guest/fault_targets.py, cases
TARGETS = {
    "userblk": ("userblk", {}, CASES),
    "ublk": ("ublk", {}, CASES),
    "nbd": ("nbd", {"how": "client"}, CASES),
    # It sees no difference in servers without io_uring, or of another user.
    "nbd -persist": ("nbd", {"how": "persist"}, ("one", "all", "stopped")),
    "nbd, dead_conn_timeout": ("nbd", {"how": "dead-timeout"}, CASES),
}


def make_plan(only, cases, rounds):
    return {"rounds": rounds,
            "pairs": [{"target": name, "kind": kind, "case": case, "options": options}
                      for case in CASES if not cases or case in cases
                      for name, (kind, options, known) in TARGETS.items()
                      if case in known and re.search(only, name)]}


def key(entry):
    return entry["target"], entry["case"]


def rest_of(plan, results):
    begun, last = set(), None
    with open(results, encoding="utf-8") as file:
        for line in file:
            last = json.loads(line)
            if "begun" in last:
                begun.add(key(last["begun"]))
    if last and "begun" in last:
        with open(results, "a", encoding="utf-8") as file:
            file.write(json.dumps({**last["begun"], "lost": True}) + "\n")
    return {**plan, "pairs": [pair for pair in plan["pairs"] if key(pair) not in begun]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rest", nargs=2, metavar=("PLAN", "RESULTS"))
    arguments = parser.parse_args()
    if arguments.rest:
        with open(arguments.rest[0], encoding="utf-8") as file:
            plan = rest_of(json.load(file), arguments.rest[1])
    else:
        plan = make_plan(arguments.only, arguments.case, arguments.rounds)
    print(json.dumps(plan, indent=1))


if __name__ == "__main__":
    main()
