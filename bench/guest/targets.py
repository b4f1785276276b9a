# SPDX-License-Identifier: MIT
"""The block devices under comparison, each with its server.

A target is made from a description such as
    {"kind": "userblk", "store": "mem:", "queues": 2, "workers": 1, "wait": "poll"}
and is a context manager: inside, .device is its path, .pids() are the processes that serve
it, and .load_arguments is what userblk-load must be told besides its job.

Servers and submitters run as they do on people's machines: each in a session of its own, and
so in a scheduler group of its own (sched_autogroup), or in control groups (separate()).
"""

import itertools
import mmap
import os
import signal
import subprocess
import tempfile
import time

SIZE_MB = 64
DISK_MB = 512  # of a file system in memory, for the files of all targets there
NULL_BLK_MB = 1024
PATTERN_BYTES = 4 << 20
SHARED_MB = 16  # of memory that clients share with a server
SCRATCH = "/run/userblk-bench"
CGROUPS = "/sys/fs/cgroup"


class Missing(Exception):
    """This machine lacks what the target needs."""


class Side:
    """The server's side, or the submitter's."""

    def __init__(self):
        self.group = None  # the folder of a control group

    def options(self):
        """Of subprocess, for a process of this side."""
        return {"start_new_session": True, "preexec_fn": self.join if self.group else None}

    def join(self):
        with open(f"{self.group}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")


SERVER, SUBMITTER = Side(), Side()


def separate(weights):
    """From now on servers run in one control group, submitters in another, as under systemd:
    weights is {"system.slice": 100, "user.slice": 100}, of the servers and the submitters."""
    if not os.path.exists(f"{CGROUPS}/cgroup.procs"):
        run("mount", "-t", "cgroup2", "cgroup2", CGROUPS)
    write_value(f"{CGROUPS}/cgroup.subtree_control", "+cpu")
    for side, (name, weight) in zip((SERVER, SUBMITTER), weights.items()):
        side.group = f"{CGROUPS}/{name}"
        os.makedirs(side.group, exist_ok=True)
        write_value(f"{side.group}/cpu.weight", weight)


def run(*command, **options):
    """Runs a command and returns its output; an exception carries its error message."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def submit(*command):
    """Runs a load, on the submitter's side."""
    return run(*command, **SUBMITTER.options())


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
        self.load_arguments = []

    def __enter__(self):
        self.start()
        queue = f"/sys/block/{os.path.basename(self.device)}/queue"
        write_value(f"{queue}/scheduler", "none")
        write_value(f"{queue}/iostats", 0)
        if not self.is_empty:
            self.touch_all()
            self.verify()
        return self

    def __exit__(self, *_):
        self.stop()

    def touch_all(self):
        for flow in (["if=/dev/zero", f"of={self.device}", "oflag=direct"],
                     [f"if={self.device}", "of=/dev/null", "iflag=direct"]):
            run("dd", *flow, "bs=1M", f"count={SIZE_MB}", "status=none")

    def verify(self):
        """Only who keeps the data is a rival."""
        pattern = f"{SCRATCH}/pattern"
        run("dd", f"if={pattern}", f"of={self.device}", "oflag=direct", "bs=128K", "status=none")
        run("cmp", "-n", str(PATTERN_BYTES), pattern, self.device)

    def pids(self):
        return [process.pid for process in self.processes]

    def spawn(self, *command, **options):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **SERVER.options(), **options)
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
        self.device = take_null_blk()

    def stop(self):
        pass  # others may be in use; see remove_scratch()


class Brd(Target):
    """Memory in the kernel."""

    def start(self):
        load_brd()
        self.device = "/dev/ram0"

    def stop(self):
        pass  # the other one may be in use; see remove_scratch()


class Store:
    """A file on tmpfs, or with "on": "ext4" on that, on a disk in memory (brd); with
    "on": "null_blk" a disk that stores nothing, for what a driver itself costs."""

    def __init__(self, description):
        self.is_disk = description.get("on") == "null_blk"
        if self.is_disk:
            self.path = take_null_blk()
            return
        folder = disk_in_memory() if description.get("on") == "ext4" else SCRATCH
        self.path = f"{folder}/{id(self)}.img"
        make_file(self.path)

    def remove(self):
        if not self.is_disk:
            os.unlink(self.path)


class Loop(Target):
    """A file, in the kernel; with "direct" bypassing the page cache."""

    def start(self):
        run("modprobe", "loop")
        self.store = Store(self.description)
        self.is_empty = self.store.is_disk
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
            "-connections", str(self.description.get("connections", 1)), "-b", "512", **SERVER.options())
        wait_until("nbd", lambda: read_size(self.device) > 0)

    def stop(self):
        run("nbd-client", "-d", self.device)
        self.end_processes()


class Ublk(Target):
    """The peer: io_uring, one thread per queue, or "tasks"."""

    # What a description may have, and its name among the driver's features.
    NEEDS = {"batch_io": "batch-io", "tasks": "tasks", "registered": "registered", "shared": "shared"}

    def start(self):
        run("modprobe", "ublk_drv")
        self.require_features()
        self.store = Store(self.description) if "on" in self.description else None
        self.is_empty = self.description["store"] == "null" or self.store is not None
        process = self.spawn("ublk-target", "--size", f"{SIZE_MB}M",
                             "--queues", str(self.description.get("queues", 1)),
                             # As userblk's workers do on their own: it gains as much by it.
                             *(["--batch", "8"] if len(os.sched_getaffinity(0)) > 1 else []),
                             *self.data_options(), stdout=subprocess.PIPE, text=True)
        self.device = process.stdout.readline().strip()
        if not self.device:
            raise RuntimeError("ublk-target did not start")

    def require_features(self):
        known = run("ublk-target", "--features").split()
        for what, needed in self.NEEDS.items():
            if what in self.description and needed not in known:
                raise Missing(f"the ublk driver of this kernel does not know {needed}")

    def data_options(self):
        described = self.description
        options = ["--type", "disk", "--path", self.store.path] if self.store else ["--type", described["store"]]
        if "registered" in described:
            options += ["--data", "registered"]
        if "data" in described:
            options += ["--data", described["data"]]
        if "tasks" in described:
            options += ["--tasks", str(described["tasks"])]
        if "batch_io" in described:
            options += ["--batch-io"]
        if "shared" in described:
            path = make_shared_memory()
            options += ["--shared", path]
            self.load_arguments = ["--buffers", path]
        return options

    def verify(self):
        super().verify()
        if "shared" in self.description:
            verify_shared(self.device, self.load_arguments[-1])

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
        self.is_empty = store == "null:" or (self.store is not None and self.store.is_disk)
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


NULL_BLK_NUMBERS = itertools.count()
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
    with open(f"{SCRATCH}/pattern", "wb") as file:
        file.write(os.urandom(PATTERN_BYTES))


def load_brd():
    """/dev/ram0, which is measured, and /dev/ram1 for files; memory is allocated on use."""
    run("modprobe", "brd", "rd_nr=2", f"rd_size={DISK_MB * 1024}")


def take_null_blk():
    """A null_blk disk that nobody uses yet; they cost nothing until then."""
    run("modprobe", "null_blk", "nr_devices=32", "queue_mode=2", "irqmode=0", "completion_nsec=0",
        f"gb={NULL_BLK_MB // 1024}", "bs=512", "submit_queues=1", "hw_queue_depth=128")
    number = next(NULL_BLK_NUMBERS)
    queue = f"/sys/block/nullb{number}/queue"
    write_value(f"{queue}/scheduler", "none")
    write_value(f"{queue}/iostats", 0)
    return f"/dev/nullb{number}"


def make_shared_memory():
    """A file of huge pages, which processes map to share it."""
    folder = f"{SCRATCH}/huge"
    if not os.path.ismount(folder):
        write_value("/proc/sys/vm/nr_hugepages", SHARED_MB // 2)
        os.makedirs(folder, exist_ok=True)
        run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "userblk-bench", folder)
    path = f"{folder}/shared"
    with open(path, "ab") as file:
        file.truncate(SHARED_MB << 20)
    return path


def verify_shared(device, path):
    """The same for requests whose data lie in shared memory."""
    size = 128 << 10
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), SHARED_MB << 20) as memory, \
            memoryview(memory)[:size] as data:
        node = os.open(device, os.O_RDWR | os.O_DIRECT)
        try:
            wanted = os.urandom(size)
            data[:] = wanted
            os.pwrite(node, data, size)
            data[:] = bytes(size)
            if os.preadv(node, [data], size) != size or data != wanted:
                raise RuntimeError(f"{device}: reads other data than were written")
        finally:
            os.close(node)


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
    if os.path.ismount(f"{SCRATCH}/huge"):
        run("umount", f"{SCRATCH}/huge")
        write_value("/proc/sys/vm/nr_hugepages", 0)
    run("modprobe", "-r", "-q", "brd")
    run("modprobe", "-r", "-q", "null_blk")
    run("umount", SCRATCH)
    os.rmdir(SCRATCH)
