#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: profiled.py STORE WAIT SCHEDULING REQUESTS [ARGUMENT…]

STORE is null:, mem:, file:, redirect: (file: with --redirect), direct: (the same with --direct,
on null_blk), or the kernel's own loop: and loop-direct: for these two.

Runs userblk-load once, while a QEMU plug-in counts the measured part; saves the addresses
of the kernel's functions next to the counts.
"""

import os
import shutil
import sys

import targets


def main():
    store, wait, scheduling, requests, *arguments = sys.argv[1:]
    targets.write_value("/proc/sys/kernel/kptr_restrict", 0)
    targets.make_scratch()
    load = ["userblk-load", "--count", requests, "--segments", "1", "--span", f"{targets.SIZE_MB}M"]
    description = {"kind": "userblk", "store": store, "wait": wait, "scheduling": scheduling}
    if store == "redirect:":
        description |= {"store": "file:", "redirect": True}
    elif store == "direct:":
        description |= {"store": "file:", "redirect": True, "direct": True, "on": "null_blk"}
    elif store == "loop:":
        description = {"kind": "loop"}
    elif store == "loop-direct:":
        description = {"kind": "loop", "direct": True, "on": "null_blk"}
    with targets.make(description) as target:
        print(targets.submit(*load, *arguments, target.device))
        shutil.copyfile("/proc/kallsyms", f"{os.environ['USERBLK_VM_SHARE']}/kallsyms")
    targets.remove_scratch()


if __name__ == "__main__":
    main()
