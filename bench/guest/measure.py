#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: measure.py [FOLDER]

Carries out the plan in FOLDER/plan.json as root on the machine that it runs on, and
appends one line of JSON to FOLDER/results for each measurement. FOLDER defaults to
the one that a virtual machine shares with its host. The plan:

    {"rounds": 5,
     "targets": [{"name": "ublk null", "kind": "ublk", "store": "null"}, …],
     "jobs": [{"name": "4k read, depth 1", "tool": "load", "arguments": ["--depth", "1"]}, …],
     "pairs": [{"target": {…}, "job": {…}, "series": "queues", "x": 2, "others": 0}, …],
     "memory": {…a job…},
     "groups": {"system.slice": 100, "user.slice": 100}}

All targets exist at the same time, and every round measures each of them in turn, so that
a temporary disturbance of the machine affects all of them. Pairs run one after the other,
each alone. Each server and each submitter has a session of its own; with "groups", servers run
in the first control group, submitters in the second, with those weights. A target that the
machine cannot have is skipped, with the reason. "neighbours" of a job are processes that compute
meanwhile.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys

import scale
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


def ask_load(target, job):
    text = targets.submit("userblk-load", target.device, "--span", f"{targets.SIZE_MB}M",
                          *target.load_arguments, *job["arguments"])
    return json.loads(text)


def ask_fio(target, job):
    text = targets.submit("fio", "--name=bench", f"--filename={target.device}", "--direct=1", "--group_reporting",
                       f"--size={targets.SIZE_MB}M", "--output-format=json", "--time_based",
                       "--norandommap", "--randrepeat=1", *job["arguments"])
    done = json.loads(text[text.index("{"):])["jobs"][0]
    side = done["write" if done["write"]["total_ios"] else "read"]
    percentile = side["clat_ns"]["percentile"]
    return {"requests": side["total_ios"], "ns_per_io": [1e9 / side["iops"]],
            "p50_ns": percentile["50.000000"], "p99_ns": percentile["99.000000"],
            "cpu_ns_per_io": (done["usr_cpu"] + done["sys_cpu"]) / 100 * 1e9 / side["iops"]}


@contextlib.contextmanager
def neighbours(count):
    """So many processes that compute all the time, each in a session of its own."""
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command, stdin=subprocess.DEVNULL, **targets.SUBMITTER.options())
               for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(target, job):
    before = cpu_ns(target.pids())
    with neighbours(job.get("neighbours", 0)):
        result = {"load": ask_load, "fio": ask_fio}[job["tool"]](target, job)
    worker = cpu_ns(target.pids()) - before
    if target.pids() and result["requests"]:
        result["worker_cpu_ns_per_io"] = worker / result["requests"]
    return result


class Results:
    """Writes each measurement at once, so that a failure keeps the earlier ones."""

    def __init__(self, file):
        self.file = file

    def add(self, result, **more):
        result.update(kernel=platform.release(), **more)
        self.file.write(json.dumps(result) + "\n")
        self.file.flush()
        figures = sorted(result.get("ns_per_io", []))
        what = ", ".join(str(value) for value in more.values())
        print(f"{what}: {figures[len(figures) // 2]:.0f}" if figures else result, flush=True)


def set_up(plan, results, stack):
    """[(name, target)] of those that the machine can have."""
    there = []
    for description in plan["targets"]:
        name = description["name"]
        try:
            there.append((name, stack.enter_context(targets.make(description))))
        except targets.Missing as reason:
            results.add({"skipped": str(reason)}, target=name)
    return there


def carry_out_rounds(plan, results):
    with contextlib.ExitStack() as stack:
        there = set_up(plan, results, stack)
        for turn in range(plan["rounds"]):
            for job in plan["jobs"]:
                for name, target in there:
                    # Only our own load uses a client's memory as a target needs it.
                    if target.load_arguments and job["tool"] != "load":
                        continue
                    results.add(measure(target, job), round=turn, tool=job["tool"], job=job["name"],
                                target=name)


def carry_out(plan, results):
    targets.make_scratch()
    if "groups" in plan:
        targets.separate(plan["groups"])
    try:
        carry_out_rounds(plan, results)
        for pair in plan.get("pairs", []):
            results.add(scale.carry_out_pair(pair, measure), series=pair["series"], x=pair["x"],
                        job=pair["job"]["name"], target=pair["target"]["name"])
        if "memory" in plan:
            results.add(scale.measure_memory(measure, plan["memory"]), series="memory")
    finally:
        targets.remove_scratch()


def main():
    folder = sys.argv[1] if len(sys.argv) == 2 else os.environ.get("USERBLK_VM_SHARE")
    if not folder or len(sys.argv) > 2:
        sys.exit("usage: measure.py [FOLDER]")
    with open(f"{folder}/plan.json", encoding="utf-8") as file:
        plan = json.load(file)
    try:
        with open(f"{folder}/results", "a", encoding="utf-8") as results:
            carry_out(plan, Results(results))
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        sys.exit(f"measure.py: {error}")


if __name__ == "__main__":
    main()
