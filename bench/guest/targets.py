# SPDX-License-Identifier: MIT
"""The block devices under comparison, each with its server.

A target is made from a description such as
    {"kind": "userblk", "store": "mem:", "queues": 2, "workers": 1, "wait": "poll"}
and is a context manager: inside, .device is its path and .pids() are the processes
that serve it.
"""

import os
import signal
import subprocess
import tempfile
import time

SIZE_MB = 64
DISK_MB = 512  # of a file system in memory, for the files of all targets there
SCRATCH = "/run/userblk-bench"


def run(*command):
    """Runs a command and returns its output; an exception carries its error message."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not after {seconds} s")
        time.sleep(0.05)


def write_value(path, value):
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(str(value))


class Target:
    """Common to all: no scheduler, no statistics, and a filled store."""

    is_empty = False  # nothing is stored, so there is nothing to fill

    def __init__(self, description):
        self.description = description
        self.device = None
        self.processes = []

    def __enter__(self):
        self.start()
        queue = f"/sys/block/{os.path.basename(self.device)}/queue"
        write_value(f"{queue}/scheduler", "none")
        write_value(f"{queue}/iostats", 0)
        if not self.is_empty:
            self.touch_all()
        return self

    def __exit__(self, *_):
        self.stop()

    def touch_all(self):
        for flow in (["if=/dev/zero", f"of={self.device}", "oflag=direct"],
                     [f"if={self.device}", "of=/dev/null", "iflag=direct"]):
            run("dd", *flow, "bs=1M", f"count={SIZE_MB}", "status=none")

    def pids(self):
        return [process.pid for process in self.processes]

    def spawn(self, *command, **options):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def end_processes(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)
        self.processes = []


class NullBlk(Target):
    """No driver at all: the cost of the block layer itself."""

    is_empty = True

    def start(self):
        run("modprobe", "null_blk", "nr_devices=1", "queue_mode=2", "irqmode=0", "completion_nsec=0",
            "gb=1", "bs=512", f"submit_queues={self.description.get('queues', 1)}",
            "hw_queue_depth=128")
        self.device = "/dev/nullb0"

    def stop(self):
        run("modprobe", "-r", "null_blk")


class Brd(Target):
    """Memory in the kernel."""

    def start(self):
        load_brd()
        self.device = "/dev/ram0"

    def stop(self):
        pass  # the other one may be in use; see remove_scratch()


class Store:
    """A file on tmpfs, or with "on": "ext4" on that, on a disk in memory (brd)."""

    def __init__(self, description):
        folder = disk_in_memory() if description.get("on") == "ext4" else SCRATCH
        self.path = f"{folder}/{id(self)}.img"
        make_file(self.path)

    def remove(self):
        os.unlink(self.path)


class Loop(Target):
    """A file, in the kernel; with "direct" bypassing the page cache."""

    def start(self):
        run("modprobe", "loop")
        self.store = Store(self.description)
        direct = ["--direct-io=on"] if self.description.get("direct") else []
        self.device = run("losetup", "--find", "--show", *direct, self.store.path)

    def stop(self):
        run("losetup", "-d", self.device)
        self.store.remove()


class Nbd(Target):
    """nbdkit, through nbd-client over a Unix socket."""

    def start(self):
        run("modprobe", "nbd", "nbds_max=16")
        number = next(n for n in range(16) if not os.path.exists(f"/sys/block/nbd{n}/pid"))
        self.device = f"/dev/nbd{number}"
        self.socket = tempfile.mktemp(dir=SCRATCH, suffix=".sock")
        self.is_empty = self.description["store"] == "null"
        self.spawn("nbdkit", "--foreground", "--unix", self.socket, self.description["store"],
                   f"size={SIZE_MB}M")
        wait_until("nbdkit", lambda: os.path.exists(self.socket))
        run("nbd-client", "-unix", self.socket, self.device,
            "-connections", str(self.description.get("connections", 1)), "-b", "512")
        wait_until("nbd", lambda: read_size(self.device) > 0)

    def stop(self):
        run("nbd-client", "-d", self.device)
        self.end_processes()


class Ublk(Target):
    """The peer: io_uring, one thread per queue."""

    def start(self):
        run("modprobe", "ublk_drv")
        store = self.description["store"]
        self.is_empty = store == "null"
        process = self.spawn("ublk-target", "--type", store, "--size", f"{SIZE_MB}M",
                             "--queues", str(self.description.get("queues", 1)),
                             # As userblk's workers do on their own: it gains as much by it.
                             *(["--batch", "8"] if len(os.sched_getaffinity(0)) > 1 else []),
                             stdout=subprocess.PIPE, text=True)
        self.device = process.stdout.readline().strip()
        if not self.device:
            raise RuntimeError("ublk-target did not start")

    def stop(self):
        self.end_processes()


class Userblk(Target):
    """A worker process for each of "workers", with "threads" threads each."""

    def start(self):
        run("modprobe", "userblk")
        store = self.description["store"]
        self.store = Store(self.description) if store == "file:" else None
        if self.store:
            store = f"file:{self.store.path}"
        self.is_empty = store == "null:"
        self.device = run("userblkctl", "create", "--size", f"{SIZE_MB}M",
                          "--queues", str(self.description.get("queues", 1)))
        self.spawn("userblkctl", "serve", self.device, store,
                   "--workers", str(self.description.get("workers", 1)),
                   "--threads", str(self.description.get("threads", 1)),
                   *[f"--{what}={self.description[what]}" for what in ("wait", "scheduling")
                     if what in self.description],
                   *[f"--{option}" for option in ("redirect", "direct", "spin") if self.description.get(option)],
                   stderr=subprocess.DEVNULL)
        run("userblkctl", "wait", self.device)

    def pids(self):
        # The supervisor does nothing; its children serve.
        found = []
        for process in self.processes:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
                found += [int(pid) for pid in file.read().split()]
        return found

    def stop(self):
        self.end_processes()
        run("userblkctl", "remove", self.device)
        if self.store:
            self.store.remove()


KINDS = {"null_blk": NullBlk, "brd": Brd, "loop": Loop, "nbd": Nbd, "ublk": Ublk,
         "userblk": Userblk}


def make(description):
    return KINDS[description["kind"]](description)


def make_file(path):
    run("dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={SIZE_MB}", "status=none")


def read_size(device):
    with open(f"/sys/block/{os.path.basename(device)}/size", encoding="ascii") as file:
        return int(file.read())


def make_scratch():
    os.makedirs(SCRATCH, exist_ok=True)
    if not os.path.ismount(SCRATCH):
        run("mount", "-t", "tmpfs", "-o", "size=80%", "userblk-bench", SCRATCH)


def load_brd():
    """/dev/ram0, which is measured, and /dev/ram1 for files; memory is allocated on use."""
    run("modprobe", "brd", "rd_nr=2", f"rd_size={DISK_MB * 1024}")


def disk_in_memory():
    folder = f"{SCRATCH}/ext4"
    if not os.path.ismount(folder):
        load_brd()
        run("mkfs.ext4", "-q", "-F", "/dev/ram1")
        os.makedirs(folder, exist_ok=True)
        run("mount", "/dev/ram1", folder)
    return folder


def remove_scratch():
    if os.path.ismount(f"{SCRATCH}/ext4"):
        run("umount", f"{SCRATCH}/ext4")
    run("modprobe", "-r", "-q", "brd")
    run("umount", SCRATCH)
    os.rmdir(SCRATCH)
