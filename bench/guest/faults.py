#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: faults.py [FOLDER]

Inflicts the faults of the plan in FOLDER/plan.json on their targets, one after the other,
and appends lines of JSON to FOLDER/results: {"begun": …} before each, its result after it.
FOLDER defaults to the one that a virtual machine shares with its host. The plan:

    {"rounds": 2,
     "pairs": [{"target": "ublk", "kind": "ublk", "case": "one", "options": {}}, …]}

In a round the operator acts at once, which shows how long the application waits. In one
final round, which is "held", the operator comes late, and meanwhile probes test what else
on the machine is blocked. Everything has a time limit. Exit status 3: a driver is stuck so
that only a new machine helps; the rest of the plan was not done.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import time

import bounded
import fault_targets
import targets
import verified_load
import without_io_uring

PROBE_LIMIT = 45  # seconds, after which something counts as blocked; undisturbed it takes a tenth
RECOVERY_LIMIT = 15
DELETION_LIMIT = 5  # before help arrives; see carry_out_deletion
AFTER = 1.5  # of undisturbed traffic
STUCK = 3


class Stuck(Exception):
    """Only a new machine helps."""


def make(pair, name="main"):
    options = dict(pair["options"])
    if name != "main":
        options.pop("how", None)  # the plain setup is enough
    return fault_targets.KINDS[pair["kind"]](name, pair["case"] == "unprivileged", **options)


# Does anything else on the machine still work?

def another(pair):
    """In a separate process: creates another device of that kind, uses and removes it."""
    target = make(pair, "another")
    target.create()
    print("created", flush=True)
    if not target.ready(PROBE_LIMIT):
        raise RuntimeError("it does not answer")
    print("used", flush=True)
    if not target.end():
        raise RuntimeError("it cannot be removed")
    print("removed", flush=True)


def probe(pair, neighbour):
    """Runs all probes at the same time, each with the time limit."""
    use = f"dd if={neighbour.device} of=/dev/null bs=4k count=16 iflag=direct status=none && " \
          f"dd if=/dev/zero of={neighbour.device} bs=4k count=16 oflag=direct status=none"
    commands = {"neighbour": bounded.Command("sh", "-c", use),
                "another": bounded.Call(another, pair),
                "sync": bounded.Command("sync")}
    result = bounded.outcomes(commands, PROBE_LIMIT)
    result["another"]["reached"] = commands["another"].said().split()
    return result


# The course of a case.

def carry_out_repair(target, case, result):
    """Does the operator's work. If a server cannot be started without io_uring, one with
    io_uring follows after a while."""
    prepare = without_io_uring.forbid_io_uring if case == "no-io-uring" else None
    for way in (prepare, None) if prepare else (None,):
        given = []
        for text, act in target.repairs(case, way):
            given.append({"text": text})
            command = act()
            # A server keeps running, a tool exits.
            if command.ended(2) and command.process.returncode != 0:
                given[-1]["error"] = command.complained()
                break
        result["commands"] = result.get("commands", []) + given
        if way and "error" in given[0]:
            result["refused"] = given[0]["error"]
            time.sleep(RECOVERY_LIMIT)
            continue
        failed = any("error" in step for step in given)
        result["recovered"] = not failed and target.ready(RECOVERY_LIMIT)
        result["without_io_uring"] = bool(way)
        return


def carry_out_deletion(target, pair, neighbour, result):
    """Kills the stopped server if the deletion hangs."""
    text, act = target.deletion()
    result["commands"] = [{"text": text}]
    deletion = act()
    deletion.ended(DELETION_LIMIT)
    result["probe"] = probe(pair, neighbour)
    if not deletion.ended():
        result["hung_s"] = round(time.monotonic() - deletion.begun, 1)
        result["commands"].append({"text": "kill -9 the server"})
        bounded.send(target.stopped, signal.SIGKILL)
        deletion.ended(DELETION_LIMIT)
    # It may then wait for the application to close the device.
    return deletion


def carry_out_fault(target, pair, held, neighbour, result):
    """Returns the command that deletes the device, if the case has one."""
    case = pair["case"]
    if case == "stopped":
        target.stop_all()
        time.sleep(1)  # so that everything in flight waits for the stopped processes
        result["met"] = fault_targets.in_flight(target.device)
        result["fault_at"] = time.time()
        return carry_out_deletion(target, pair, neighbour, result)
    result["met"] = target.kill_one() if case == "one" else target.kill_all()
    result["fault_at"] = target.killed_at
    if held:
        result["probe"] = probe(pair, neighbour)
    carry_out_repair(target, case, result)
    result["repaired_at"] = time.time()
    time.sleep(AFTER)
    return None


def clean_up(target, neighbour, load):
    """Ends and removes everything; returns whether nothing is left."""
    ended = [one.end() for one in (target, neighbour) if one]
    if load:
        ended.append(load.kill())
    ended.append(target.sweep())
    # A driver remembers: nbd keeps the timeout of one device's life for the next.
    ended.append(bounded.run("modprobe", "-r", target.module, seconds=30)["status"] == 0)
    return all(ended)


probed = {}  # targets probed on the undisturbed machine, to show that the probes can succeed


def carry_out(pair, held, result):
    """One round of one case."""
    targets.run("modprobe", fault_targets.KINDS[pair["kind"]].module)
    target = make(pair)
    neighbour = make(pair, "neighbour") if held else None
    load = None
    try:
        target.start()
        if held:
            neighbour.start()
            if pair["target"] not in probed:
                probed[pair["target"]] = result["probe_before"] = probe(pair, neighbour)
        load = verified_load.VerifiedLoad(target.device, targets.SCRATCH)
        load.await_traffic()
        deletion = carry_out_fault(target, pair, held, neighbour, result)
        if load.finish():
            result["saw"] = load.saw(result["fault_at"], result.get("repaired_at", time.time()))
        if deletion:
            result["deletion"] = bounded.outcome(deletion, 30)
            result["deleted"] = result["deletion"]["status"] == 0 and not target.exists()
    finally:
        result["stuck"] = not clean_up(target, neighbour, load)


class Results:
    def __init__(self, folder):
        self.path = f"{folder}/results"

    def add(self, **entry):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def carry_out_pair(pair, rounds, results):
    for turn in range(rounds + 1):
        held = turn == rounds
        if pair["case"] == "stopped" and not held:
            continue  # nothing is repaired, so there is no time to measure
        results.add(begun={"target": pair["target"], "case": pair["case"], "held": held})
        begun = time.monotonic()
        result = {"target": pair["target"], "case": pair["case"], "held": held,
                  "kernel": platform.release()}
        try:
            carry_out(pair, held, result)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            result["failed"] = str(error)
        results.add(**result)
        print(f"{pair['target']}, {pair['case']}{', held' if held else ''}: {json.dumps(result)}"
              f" [{time.monotonic() - begun:.0f} s]", flush=True)
        if result.get("stuck"):
            raise Stuck


def main():
    folder = sys.argv[1] if len(sys.argv) == 2 else os.environ.get("USERBLK_VM_SHARE")
    if not folder or len(sys.argv) > 2:
        sys.exit("usage: faults.py [FOLDER]")
    with open(f"{folder}/plan.json", encoding="utf-8") as file:
        plan = json.load(file)
    targets.make_scratch()
    try:
        for pair in plan["pairs"]:
            carry_out_pair(pair, plan["rounds"], Results(folder))
    except Stuck:
        print("a driver is stuck for good", flush=True)
        sys.exit(STUCK)


if __name__ == "__main__":
    main()
