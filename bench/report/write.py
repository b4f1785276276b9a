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
                "worker_cpu_ns": figure.worker, "switches": figure.switches} for key, figure in found.items()]
    others = [m for m in measurements if "series" in m]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"unit": "nanoseconds per I/O; of the modes counted, slices, jobs-counted and scale, "
                           "instructions per I/O",
                   "figures": entries, "scale": others}, file, indent=1)
        file.write("\n")


def draw(measurements, found, folder):
    """Draws the plots that have figures, and removes earlier ones."""
    drawn = []
    for mode, kernel, tool in figures.unique(key[:3] for key in found):
        if (mode, tool) in plots.PICTURES:
            drawn += plots.pictures(tables.of_mode(found, mode, kernel, tool), folder, mode, tool, kernel)
    if any(m.get("series") == "queues" for m in measurements):
        drawn.append("scale.svg")
        plots.scale(measurements, f"{folder}/scale.svg")
    for name in os.listdir(folder):
        if name.endswith(".svg") and name not in drawn:
            os.unlink(f"{folder}/{name}")


def fill(template, measurements, found):
    """Replaces {{name argument…}} by the result of the function of that name, and omits the
    text between {{if MODE KERNEL}} and {{end}} if there are no such figures. The kernel
    "newest" is what it is in these figures."""
    there = {(key.mode, key.kernel) for key in found}
    newest = figures.newest(found)

    def kernel(name):
        return newest if name == "newest" else name

    template = re.sub(r"\{\{if ([\w-]+) ([\w.]+)\}\}(.*?)\{\{end\}\}",
                      lambda match: match[3] if (match[1], kernel(match[2])) in there else "",
                      template, flags=re.DOTALL)
    makers = {
        "kernel": lambda name: name,
        "counted": lambda name: tables.counted(found, name),
        "goals": lambda name: tables.goals(found, name),
        "slices": lambda name: tables.slices(found, name),
        "submitters": lambda name, tool: tables.submitters(found, name, tool),
        "submitters_counted": lambda name: tables.submitters_counted(found, name),
        "skipped": lambda name: tables.skipped(measurements, name),
        "timed": lambda name, tool: tables.timed(found, name, tool),
        "latency": lambda name, tool: tables.latency(found, name, tool),
        "processor": lambda name, tool: tables.processor(found, name, tool),
        "scale": lambda name, *what: tables.scale(measurements, name, " ".join(what)),
        "memory": lambda: tables.memory(measurements),
        "date": lambda: max(m["date"] for m in measurements),
        "commit": lambda: figures.unique(m["commit"] for m in measurements)[-1],
        "kernels": lambda: " and ".join(figures.unique(m["kernel"] for m in measurements)),
    }

    def replacement(match):
        first, *others = match[2].split() or [None]
        return makers[match[1]](*([kernel(first), *others] if first else []))
    return re.sub(r"\{\{(\w+)((?: [\w.,]+)*)\}\}", replacement, template)


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
