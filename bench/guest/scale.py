# SPDX-License-Identifier: MIT
"""Measurements taken once per point, each with its own devices, and the cost in memory."""

import contextlib
import time

import targets

# The first ones fill the kernel's per-CPU reserves: free pages, and slabs in use.
FIRST_DEVICES = 32
IDLE_DEVICES = 128


def userblk(**description):
    return targets.make({"kind": "userblk", "store": "null:", **description})


def carry_out_pair(pair, ask):
    """One point of a series: its own device, next to a number of idle ones."""
    with contextlib.ExitStack() as stack:
        for _ in range(pair.get("others", 0)):
            stack.enter_context(userblk())
        target = stack.enter_context(targets.make(pair["target"]))
        return ask(target, pair["job"])


def free_memory():
    targets.write_value("/proc/sys/vm/drop_caches", 3)
    time.sleep(1)
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["MemFree"].split()[0]) * 1024


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Private_"))


def device_bytes():
    """Kernel memory of an idle device of depth 128, its block and control nodes included."""
    create = ["userblkctl", "create", "--size", "64M", "--depth", "128"]
    for _ in range(FIRST_DEVICES):
        targets.run(*create)
    before = free_memory()
    for _ in range(IDLE_DEVICES):
        targets.run(*create)
    used = before - free_memory()
    targets.run("userblkctl", "remove", "--all")
    return used / IDLE_DEVICES


def worker_bytes(ask, job):
    """Private memory of a worker that has been busy, once it is idle again."""
    with userblk() as target:
        ask(target, job)
        time.sleep(2)
        return max(private_bytes(pid) for pid in target.pids())


def measure_memory(ask, job):
    targets.run("modprobe", "userblk")
    return {"device_bytes": device_bytes(), "worker_bytes": worker_bytes(ask, job)}
