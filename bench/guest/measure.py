#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: measure.py PLAN RESULTS

Carries out PLAN (JSON) as root on the machine that it runs on, and appends one line of
JSON to RESULTS for each measurement. The plan:

    {"rounds": 5,
     "targets": [{"name": "ublk null", "kind": "ublk", "store": "null"}, …],
     "jobs": [{"name": "4k read, depth 1", "tool": "load", "arguments": ["--depth", "1"]}, …]}

All targets are there at the same time, and every round asks each of them in turn, so
that what disturbs the machine for a while disturbs all of them.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys

import targets


def cpu_ns(pids):
    """User and system time of processes, with all their threads."""
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) * tick
    return total


def ask_load(device, job):
    text = targets.run("userblk-load", device, "--span", f"{targets.SIZE_MB}M", *job["arguments"])
    return json.loads(text)


def ask_fio(device, job):
    text = targets.run("fio", "--name=bench", f"--filename={device}", "--direct=1", "--group_reporting",
                       f"--size={targets.SIZE_MB}M", "--output-format=json", "--time_based",
                       "--norandommap", "--randrepeat=1", *job["arguments"])
    done = json.loads(text[text.index("{"):])["jobs"][0]
    side = done["write" if done["write"]["total_ios"] else "read"]
    percentile = side["clat_ns"]["percentile"]
    return {"requests": side["total_ios"], "ns_per_io": [1e9 / side["iops"]],
            "p50_ns": percentile["50.000000"], "p99_ns": percentile["99.000000"],
            "cpu_ns_per_io": (done["usr_cpu"] + done["sys_cpu"]) / 100 * 1e9 / side["iops"]}


def measure(target, job):
    before = cpu_ns(target.pids())
    result = {"load": ask_load, "fio": ask_fio}[job["tool"]](target.device, job)
    worker = cpu_ns(target.pids()) - before
    if target.pids() and result["requests"]:
        result["worker_cpu_ns_per_io"] = worker / result["requests"]
    return result


def carry_out(plan, results):
    with contextlib.ExitStack() as stack:
        targets.make_scratch()
        stack.callback(targets.remove_scratch)
        there = [(d["name"], stack.enter_context(targets.make(d))) for d in plan["targets"]]
        for turn in range(plan["rounds"]):
            for job in plan["jobs"]:
                for name, target in there:
                    result = measure(target, job)
                    result.update(target=name, job=job["name"], tool=job["tool"], round=turn,
                                  kernel=platform.release())
                    results.write(json.dumps(result) + "\n")
                    results.flush()
                    print(f"round {turn + 1}: {job['name']}, {name}: "
                          f"{sorted(result['ns_per_io'])[len(result['ns_per_io']) // 2]:.0f}",
                          flush=True)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: measure.py PLAN RESULTS")
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    try:
        with open(sys.argv[2], "a", encoding="utf-8") as results:
            carry_out(plan, results)
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        sys.exit(f"measure.py: {error}")


if __name__ == "__main__":
    main()
