#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: print.py RESULTS [RECORDED]

Prints figures as a table for a terminal: instructions per I/O with the change from the
recorded ones (by default in docs/performance/results.json), or I/Os per second.
"""

import os
import sys

import figures

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, "../../docs/performance/results.json")


def cell_counted(figure, before):
    text = f"{figure.median:,.0f}"
    return text + (f" ({(figure.median / before - 1) * 100:+.1f} %)" if before else "")


def cell_submitters(figure, _before):
    return f"{figure.median:,.0f} ({figure.switches:.2f})"


def cell_timed(figure, _before):
    return f"{1e9 / figure.median:,.0f} ({1e9 / figure.most:,.0f}-{1e9 / figure.least:,.0f})"


def print_table(found, mode, kernel, tool, before):
    keys = [key for key in found if key[:3] == (mode, kernel, tool)]
    jobs = figures.unique(key.job for key in keys)
    cell = cell_counted if mode in figures.COUNTED else cell_timed
    if mode == "jobs-counted":
        cell = cell_submitters
    if mode != "counted":
        before = {}
    rows = [["", *jobs]]
    for target in figures.unique(key.target for key in keys):
        row = [target]
        for job in jobs:
            figure = found.get(figures.Key(mode, kernel, tool, job, target))
            row.append(cell(figure, before.get((kernel, job, target))) if figure else "-")
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(jobs) + 1)]
    unit = "instructions per I/O" if mode in figures.COUNTED else f"I/Os per second, {tool}: median (range)"
    unit += {"slices": ", under control groups", "jobs-counted": " (switches of contexts), two processors"}.get(mode, "")
    print(f"\nLinux {kernel}, {unit}")
    for row in rows:
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(row, widths))))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: print.py RESULTS [RECORDED]")
    measurements = figures.load(sys.argv[1])
    found = figures.gather(measurements)
    before = figures.recorded(sys.argv[2] if len(sys.argv) == 3 else RECORDED)
    for mode, kernel, tool in figures.unique(key[:3] for key in found):
        print_table(found, mode, kernel, tool, before)
    for kernel, targets in figures.skipped(measurements).items():
        for target, reason in targets.items():
            print(f"skipped on {kernel}: {target}: {reason}")


if __name__ == "__main__":
    main()
