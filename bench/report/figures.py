# SPDX-License-Identifier: MIT
"""Collected measurements: one Figure for each target, job, tool, mode and kernel."""

import collections
import json
import statistics

# Modes whose figures are instructions, not nanoseconds.
COUNTED = ("counted", "slices", "jobs-counted")

Key = collections.namedtuple("Key", "mode kernel tool job target")


class Figure:
    """The figures of all rounds and segments of one key, in nanoseconds or instructions."""

    def __init__(self, measurements):
        self.values = [value for m in measurements for value in m["ns_per_io"]]
        self.median = statistics.median(self.values)
        self.least, self.most = min(self.values), max(self.values)
        self.p50 = median_of(measurements, "p50_ns")
        self.p99 = median_of(measurements, "p99_ns")
        self.submitter = median_of(measurements, "cpu_ns_per_io")
        self.worker = median_of(measurements, "worker_cpu_ns_per_io")
        self.switches = median_of(measurements, "switches_per_io")


def median_of(measurements, name):
    values = [m[name] for m in measurements if name in m]
    return statistics.median(values) if values else None


def load(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def short_kernel(release):
    return ".".join(release.split(".")[:2])


def gather(measurements):
    """{Key: Figure}, in the order of the measurements."""
    groups = collections.defaultdict(list)
    for m in measurements:
        if "target" in m and "series" not in m and "skipped" not in m:
            groups[Key(m["mode"], short_kernel(m["kernel"]), m["tool"], m["job"], m["target"])].append(m)
    return {key: Figure(group) for key, group in groups.items()}


def skipped(measurements):
    """{kernel: {target: reason}}"""
    found = collections.defaultdict(dict)
    for m in measurements:
        if "skipped" in m:
            found[short_kernel(m["kernel"])][m["target"]] = m["skipped"]
    return found


def version(kernel):
    return tuple(int(part) for part in kernel.split("."))


def newest(found):
    """The newest kernel with figures, if newer than those that reports name."""
    kernel = max((key.kernel for key in found), key=version)
    return kernel if version(kernel) > (6, 12) else None


def series(measurements, name):
    """[(x, median)] of a series of the mode "scale", by kernel."""
    found = collections.defaultdict(list)
    for m in measurements:
        if m.get("series") == name and "x" in m:
            found[short_kernel(m["kernel"])].append((m["x"], statistics.median(m["ns_per_io"])))
    return found


def unique(values):
    return list(dict.fromkeys(values))


def recorded(path):
    """The counted figures of the last report: {(kernel, job, target): median}."""
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)["figures"]
    except FileNotFoundError:
        return {}
    return {(e["kernel"], e["job"], e["target"]): e["median"]
            for e in entries if e["mode"] == "counted"}
