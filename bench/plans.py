#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: plans.py MODE --kernel K [--rounds N] [--probe] [--only REGEX]

Prints the plan (see guest/measure.py) for a mode: quick, counted, time, scale, slices, jobs or
jobs-counted.
With --probe, omits targets whose modules or programs are missing; with --only, those
whose names do not match.
"""

import argparse
import json
import re
import shutil
import subprocess

# name: operation, block, depth, requests per segment when counted
JOBS = {
    "4k read, depth 1": ("read", "4K", 1, 1500),
    "4k read, depth 32": ("read", "4K", 32, 6400),
    "4k write, depth 32": ("write", "4K", 32, 6400),
    "128k read, depth 8": ("read", "128K", 8, 600),
}


# As many submitters of one request at a time as a file system with a few threads has.
SUBMITTERS = (1, 2, 4)

# The default, and the other way for workers to wait.
WAITS = ({}, {"wait": "poll"})
# Those, and workers that preempt others.
WAYS = (*WAITS, {"scheduling": "fifo"})


def load_job(name, operation, block, depth, *more):
    flags = ["--write"] if operation == "write" else []
    return {"name": name, "tool": "load",
            "arguments": [*flags, "--block", block, "--depth", str(depth), *more]}


def counted_jobs():
    return [load_job(name, op, block, depth, "--count", str(count), "--segments", "8")
            for name, (op, block, depth, count) in JOBS.items()]


def timed_jobs(seconds=0.7):
    jobs = []
    for name, (op, block, depth, _) in JOBS.items():
        jobs.append(load_job(name, op, block, depth, "--seconds", str(seconds), "--segments", "1",
                             "--latency"))
        if block == "4K" and op == "read":
            jobs.append({"name": name, "tool": "fio", "arguments": [
                f"--rw=rand{op}", f"--bs={block}", "--runtime=1", "--ramp_time=0.3",
                *(["--ioengine=psync"] if depth == 1 else ["--ioengine=io_uring", f"--iodepth={depth}"])]})
    return jobs


def jobs_name(count):
    return f"{count} job{'s' if count > 1 else ''}"


def counted_submitters():
    return [load_job(jobs_name(count), "read", "4K", 1, "--jobs", str(count), "--count", str(3000 // count),
                     "--segments", "8") for count in SUBMITTERS]


def timed_submitters():
    """Alone, and beside a process that computes."""
    jobs = []
    for count in SUBMITTERS:
        job = {"name": jobs_name(count), "tool": "fio", "arguments": [
            "--rw=randread", "--bs=4K", "--runtime=1.5", "--ramp_time=0.3", "--ioengine=psync", f"--numjobs={count}"]}
        jobs += [job, {**job, "name": f"{job['name']}, busy neighbour", "neighbours": 1}]
    return jobs


def userblk(store, **more):
    words = [f"userblk {store.rstrip(':')}"]
    words += [f"{more[what]} {what if more[what] > 1 else what[:-1]}" for what in ("queues", "workers")
              if what in more]
    words += [f"on {more['on']}"] if "on" in more else []
    words += [f"--{option}" for option in ("redirect", "direct", "spin") if option in more]
    words += [f"--{what}={more[what]}" for what in ("wait", "scheduling") if what in more]
    return {"name": ", ".join(words), "kind": "userblk", "store": store, **more}


def on_files(waits=WAITS, ways=WAYS):
    """REDIRECT next to the kernel's equivalent: loop, on the same file."""
    return [{"name": "loop on ext4", "kind": "loop", "on": "ext4"},
            {"name": "loop on ext4, direct", "kind": "loop", "on": "ext4", "direct": True},
            *[userblk("file:", redirect=True, **way) for way in ways],
            *[userblk("file:", redirect=True, on="ext4", **wait) for wait in waits],
            *[userblk("file:", redirect=True, direct=True, on="ext4", **wait) for wait in waits]]


# How ublk moves data (bench/guest/targets.py: NEEDS), in words.
UBLK_OPTIONS = {"data": "asking for addresses", "batch_io": "batch commands", "registered": "registered buffers",
                "shared": "shared with the client"}


def ublk(store, **more):
    words = [f"ublk on {more['on']}" if "on" in more else f"ublk {store}"]
    words += [f"{more[what]} {what if more[what] > 1 else what[:-1]}" for what in ("queues", "tasks") if what in more]
    words += [text for option, text in UBLK_OPTIONS.items() if option in more]
    # The cheapest way to move data in batches; otherwise the server's own choice is.
    data = {"data": "buffer"} if "batch_io" in more and "on" not in more else {}
    return {"name": ", ".join(words), "kind": "ublk", "store": store, **data, **more}


def ublk_at_its_best(with_ublk):
    """Other ways to move the data of a store in memory, each the cheapest somewhere."""
    return [ublk("memory", data="get-data"), ublk("memory", batch_io=True),
            ublk("memory", shared=True)] if with_ublk else []


def on_disk(with_ublk, ways=({},)):
    """A disk that costs nothing, read and written directly: what each driver adds to it."""
    store = {"on": "null_blk"}
    return [{"name": "loop on null_blk, direct", "kind": "loop", "direct": True, **store},
            *([ublk("disk", **store), ublk("disk", **store, registered=True),
               ublk("disk", **store, batch_io=True, registered=True)] if with_ublk else []),
            *[userblk("file:", redirect=True, direct=True, **store, **way) for way in ways]]


def peers(with_ublk, queues=(1,)):
    found = [{"name": "null_blk", "kind": "null_blk"}, {"name": "brd", "kind": "brd"},
             {"name": "loop on tmpfs", "kind": "loop"}]
    if with_ublk:
        found += [ublk(store, **({} if n == 1 else {"queues": n}))
                  for n in queues for store in ("null", "memory")]
    return found


def nbd(store, connections):
    name = f"nbd {store}" + (f", {connections} connections" if connections > 1 else "")
    return {"name": name, "kind": "nbd", "store": store, "connections": connections}


def plan_quick(with_ublk, _rounds):
    return {"rounds": 1, "jobs": counted_jobs(), "targets": [
        *peers(with_ublk),
        *[userblk(store, **wait) for wait in WAITS for store in ("null:", "mem:")]]}


def plan_counted(with_ublk, _rounds):
    return {"rounds": 1, "jobs": counted_jobs(), "targets": [
        *peers(with_ublk), *ublk_at_its_best(with_ublk), nbd("null", 1), nbd("memory", 1),
        *[userblk(store, **way) for way in WAYS for store in ("null:", "mem:", "file:")],
        *on_files(), *on_disk(with_ublk, WAYS)]}


def plan_time(with_ublk, rounds):
    return {"rounds": rounds, "jobs": timed_jobs(), "targets": [
        *peers(with_ublk, (1, 2)), *ublk_at_its_best(with_ublk),
        *([ublk("memory", tasks=2)] if with_ublk else []),
        nbd("null", 1), nbd("memory", 1), nbd("memory", 4),
        userblk("null:"), userblk("mem:"), userblk("file:"),
        userblk("mem:", wait="poll"), userblk("mem:", spin=True),
        userblk("null:", queues=2), userblk("mem:", queues=2),
        userblk("null:", queues=2, workers=2),
        userblk("mem:", queues=2, workers=2),
        userblk("mem:", workers=4), userblk("mem:", workers=4, wait="poll"),
        *on_files([{}], [{}]), *on_disk(with_ublk)]}


def plan_slices(with_ublk, _rounds):
    """The nearest rivals, with workers and submitters in control groups as systemd makes them."""
    return {"rounds": 1, "jobs": counted_jobs(), "groups": {"system.slice": 100, "user.slice": 100}, "targets": [
        {"name": "loop on tmpfs", "kind": "loop"},
        *([ublk("memory"), ublk("memory", data="get-data"), ublk("memory", batch_io=True)] if with_ublk else []),
        *[userblk("mem:", **way) for way in ({}, {"scheduling": "fifo"})],
        *[userblk("file:", redirect=True, **way) for way in ({}, {"scheduling": "fifo"})],
        *on_disk(with_ublk)]}


def rivals_of_submitters(with_ublk):
    return [{"name": "loop on tmpfs", "kind": "loop"},
            *([ublk("memory"), ublk("memory", tasks=2), ublk("null")] if with_ublk else []),
            *[userblk("mem:", workers=n) for n in (1, 2)], userblk("null:"),
            *[userblk("file:", redirect=True, workers=n) for n in (1, 2, 3)]]


def plan_jobs(with_ublk, rounds):
    return {"rounds": rounds, "jobs": timed_submitters(), "targets": rivals_of_submitters(with_ublk)}


def plan_jobs_counted(with_ublk, _rounds):
    return {"rounds": 1, "jobs": counted_submitters(), "targets": rivals_of_submitters(with_ublk)}


def plan_scale(_with_ublk, _rounds):
    def spread(count):
        cpus = ",".join(str(cpu) for cpu in range(count))
        return load_job(f"4k read, depth 8, {count} submitter{'s' if count > 1 else ''}", "read", "4K", 8, "--jobs", str(count),
                        "--cpus", cpus, "--count", str(6400 // count), "--segments", "8")
    return {"rounds": 1, "jobs": [], "pairs": [
        *[{"target": userblk("null:", queues=n, workers=1), "job": spread(n),
           "series": "queues", "x": n} for n in (1, 2, 4, 8)],
        *[{"target": userblk("null:", queues=1, workers=n), "job": spread(1),
           "series": "workers", "x": n} for n in (1, 2, 4, 8, 16)],
        *[{"target": userblk("null:", queues=1, workers=1), "job": spread(1),
           "series": "devices", "x": n, "others": n - 1} for n in (1, 4, 16, 64)]],
        "memory": load_job("4k write", "write", "4K", 32, "--count", "6400"), "targets": []}


PLANS = {"quick": plan_quick, "counted": plan_counted, "time": plan_time, "scale": plan_scale,
         "slices": plan_slices, "jobs": plan_jobs, "jobs-counted": plan_jobs_counted}


def is_there(target):
    module = {"nbd": "nbd", "ublk": "ublk_drv"}.get(target["kind"], target["kind"])
    known = subprocess.run(["modinfo", module], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False).returncode == 0
    program = {"nbd": "nbdkit", "ublk": "ublk-target"}.get(target["kind"])
    return known and (program is None or shutil.which(program) is not None)


def main():
    parser = argparse.ArgumentParser(description="prints the plan of a benchmark")
    parser.add_argument("mode", choices=list(PLANS))
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--probe", action="store_true")
    parser.add_argument("--only", default="", help="regular expression of targets' names")
    arguments = parser.parse_args()
    # Debian builds the ublk driver for its 6.12, not for its 6.1.
    with_ublk = not arguments.kernel.startswith("6.1.") and arguments.kernel != "6.1"
    plan = PLANS[arguments.mode](with_ublk, arguments.rounds)
    if arguments.probe:
        plan["targets"] = [target for target in plan["targets"] if is_there(target)]
    plan["targets"] = [target for target in plan["targets"] if re.search(arguments.only, target["name"])]
    if "pairs" in plan:
        plan["pairs"] = [pair for pair in plan["pairs"] if re.search(arguments.only, pair["target"]["name"])]
    print(json.dumps(plan, indent=1))


if __name__ == "__main__":
    main()
