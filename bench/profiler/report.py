#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: report.py COUNTS KALLSYMS REQUESTS [LINES]

Prints where the instructions of one I/O went: by group, then by function, with its calls
per I/O; user space by pages of 4 KiB.
"""

import bisect
import collections
import re
import sys

# The first match of a function's name; the rest is "other kernel".
GROUPS = [
    ("the module", r"\[userblk\]"),
    ("copying and zeroing", r"rep_movs|copy|memset|zero_fill|clear_page|rep_stos|check_(object|stack)"),
    ("scheduler", r"sched|psi_|fair|eevdf|enqueue|dequeue|update_(load|curr|rq|min|entity|deadline|cfs)|"
                  r"__switch|switch_|wake|task_rq|vruntime|pick_|put_prev|set_next|resched|mm_cid|"
                  r"fpregs|fpu|rseq|avg_|place_entity|ttwu"),
    ("block layer", r"^blk|blk_|^bio|bio_|^__bio|sbitmap|wbt|rq_qos|submit_bio|blkdev|blkcg"),
    ("pages of the submitter", r"gup|pin_user|folio|pte_|iov_iter|set_page|mod_node"),
    ("io_uring", r"^_*io_"),
    ("system calls and their hooks", r"syscall|entry_|_sys_|apparmor|tomoyo|security|aa_|fdget|fget|vfs_|"
                                     r"ioctl|rw_verify"),
]


def read_symbols(path):
    symbols = []
    with open(path, encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[1] in "tTwW":
                symbols.append((int(fields[0], 16), " ".join(fields[2:])))
    return sorted(symbols)


USER_SPACE = "user space"


def count_functions(path, symbols):
    """The executed instructions of each function, and the executions of its first one."""
    starts = [start for start, _ in symbols]
    functions, calls = collections.Counter(), collections.Counter()
    with open(path, encoding="ascii") as file:
        for line in file:
            address, count = line.split()
            address = int(address, 16)
            if address >> 63:
                start, name = symbols[bisect.bisect(starts, address) - 1]
                functions[name] += int(count)
                if address == start:
                    calls[name] += int(count)
            else:
                functions[f"{USER_SPACE} {address:#x}"] += int(count)
    return functions, calls


def group_of(function):
    if function.startswith(USER_SPACE):
        return "user space, submitter and worker"
    return next((name for name, pattern in GROUPS if re.search(pattern, function)), "other kernel")


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: report.py COUNTS KALLSYMS REQUESTS [LINES]")
    functions, calls = count_functions(sys.argv[1], read_symbols(sys.argv[2]))
    requests = int(sys.argv[3])
    groups = collections.Counter()
    for function, count in functions.items():
        groups[group_of(function)] += count
    print(f"{sum(functions.values()) / requests:8.0f} instructions per I/O")
    for name, count in groups.most_common():
        print(f"{count / requests:8.0f}  {name}")
    print()
    for name, count in functions.most_common(int(sys.argv[4]) if len(sys.argv) == 5 else 40):
        often = f"{calls[name] / requests:.1f} x" if calls[name] else ""
        print(f"{count / requests:8.1f} {often:>8}  {name}")


if __name__ == "__main__":
    main()
