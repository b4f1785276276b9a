#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: write.py RESULTS DOCS

Writes DOCS/performance.md from its template, and DOCS/performance/: the plots and
results.json, against which later runs are compared.
"""

import json
import os
import re
import sys

import figures
import plots
import tables

HERE = os.path.dirname(os.path.abspath(__file__))


def write_json(measurements, found, path):
    entries = [{**key._asdict(), "median": figure.median, "least": figure.least, "most": figure.most,
                "p50_ns": figure.p50, "p99_ns": figure.p99, "submitter_cpu_ns": figure.submitter,
                "worker_cpu_ns": figure.worker} for key, figure in found.items()]
    others = [m for m in measurements if "series" in m]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"unit": "nanoseconds per I/O; of the modes counted and scale, instructions per I/O",
                   "figures": entries, "scale": others}, file, indent=1)
        file.write("\n")


def draw(measurements, found, folder):
    """Draws the plots that have figures; returns the names of the files."""
    drawn = []
    for mode, kernel, tool in figures.unique(key[:3] for key in found):
        some = tables.of_mode(found, mode, kernel, tool)
        if mode == "counted":
            drawn.append(f"counted-{kernel}.svg")
            plots.counted(some, f"{folder}/{drawn[-1]}", kernel)
        elif mode == "time":
            drawn.append(f"time-{tool}-{kernel}.svg")
            plots.timed(some, f"{folder}/{drawn[-1]}", kernel, tool)
    if any(m.get("series") == "queues" for m in measurements):
        drawn.append("scale.svg")
        plots.scale(measurements, f"{folder}/scale.svg")
    return drawn


def fill(template, measurements, found):
    """Replaces {{name argument…}} by the result of the function of that name, and omits the
    text between {{if MODE KERNEL}} and {{end}} if there are no such figures."""
    there = {(key.mode, key.kernel) for key in found}
    template = re.sub(r"\{\{if (\w+) ([\d.]+)\}\}(.*?)\{\{end\}\}",
                      lambda match: match[3] if (match[1], match[2]) in there else "",
                      template, flags=re.DOTALL)
    makers = {
        "counted": lambda kernel: tables.counted(found, kernel),
        "goals": lambda kernel: tables.goals(found, kernel, ("null", "mem")),
        "redirect_goals": lambda kernel: tables.goals(found, kernel, ("file, --redirect",)),
        "timed": lambda kernel, tool: tables.timed(found, kernel, tool),
        "latency": lambda kernel, tool: tables.latency(found, kernel, tool),
        "processor": lambda kernel, tool: tables.processor(found, kernel, tool),
        "scale": lambda name, *what: tables.scale(measurements, name, " ".join(what)),
        "memory": lambda: tables.memory(measurements),
        "date": lambda: max(m["date"] for m in measurements),
        "commit": lambda: figures.unique(m["commit"] for m in measurements)[-1],
        "kernels": lambda: " and ".join(figures.unique(m["kernel"] for m in measurements)),
    }
    return re.sub(r"\{\{(\w+)((?: [\w.,]+)*)\}\}",
                  lambda match: makers[match[1]](*match[2].split()), template)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: write.py RESULTS DOCS")
    measurements = figures.load(sys.argv[1])
    found = figures.gather(measurements)
    folder = f"{sys.argv[2]}/performance"
    os.makedirs(folder, exist_ok=True)
    draw(measurements, found, folder)
    write_json(measurements, found, f"{folder}/results.json")
    with open(f"{HERE}/performance.md.in", encoding="utf-8") as file:
        text = fill(file.read(), measurements, found)
    with open(f"{sys.argv[2]}/performance.md", "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
