#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: collect.py RESULTS --mode MODE

Prints measurements one a line, each with the mode, the date and the commit.
"""

import argparse
import datetime
import json
import os
import subprocess


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], text=True,
                          cwd=os.path.dirname(os.path.abspath(__file__)),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results")
    parser.add_argument("--mode", required=True)
    arguments = parser.parse_args()
    more = {"mode": "counted" if arguments.mode == "quick" else arguments.mode,
            "date": datetime.date.today().isoformat(), "commit": commit()}
    with open(arguments.results, encoding="utf-8") as file:
        for line in file:
            print(json.dumps({**json.loads(line), **more}))


if __name__ == "__main__":
    main()
