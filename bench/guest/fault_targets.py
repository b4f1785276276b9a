# SPDX-License-Identifier: MIT
"""The drivers that suffer the faults. Each keeps its data in a file on tmpfs, which survives
any death, and has four workers, or the nearest equivalent.

A target does to its own processes what a case requires, and returns the operator's remedy
as commands. All its waits are limited.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import bounded
import nbd_netlink
import targets

NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all"]
START_LIMIT = 60
WORKERS = 4


def in_flight(device):
    with open(f"/sys/block/{os.path.basename(device)}/inflight", encoding="ascii") as file:
        return sum(int(field) for field in file.read().split())


def read_once(device):
    return bounded.Command("dd", f"if={device}", "of=/dev/null", "bs=4k", "count=1", "iflag=direct",
                           "status=none")


class Store:
    """A separate file for each device, writable for everybody."""

    def __init__(self, name):
        self.path = f"{targets.SCRATCH}/{name}.img"
        with open(self.path, "wb") as file:
            file.truncate(targets.SIZE_MB << 20)
        os.chmod(self.path, 0o666)

    def remove(self):
        os.unlink(self.path)


class FaultTarget:
    """One device and its processes. Options: unprivileged."""

    module = None

    def __init__(self, name="main", unprivileged=False):
        self.name = name
        self.unprivileged = unprivileged
        self.as_user = NOBODY if unprivileged else []
        self.store = Store(name)
        self.device = None
        self.commands = []  # everything that was started
        self.stopped = []  # processes
        self.killed_at = None  # seconds since the epoch

    def start_command(self, *argv, prepare=None):
        self.commands.append(bounded.Command(*argv, prepare=prepare))
        return self.commands[-1]

    @property
    def server(self):
        return self.commands[-1]

    def ready(self, seconds=START_LIMIT):
        """Whether the device answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if os.path.exists(self.device) and bounded.outcome(read_once(self.device), seconds)["status"] == 0:
                return True
            time.sleep(0.05)
        return False

    def start(self):
        self.create()
        if not self.ready():
            raise RuntimeError(f"{self.name}: {self.device} does not answer: {self.server.complained()}")

    # What a case does to it.

    def all_pids(self):
        """The PIDs of everything that serves the device."""
        return [self.server.pid, *bounded.children(self.server.pid)]

    def kill_one(self):
        """Kills one worker that holds a request; returns how many requests were in flight."""
        raise NotImplementedError

    def kill(self, pids):
        self.killed_at = time.time()
        bounded.send(pids, signal.SIGKILL)

    def kill_all(self):
        """Kills all at once, while they hold requests; returns how many were in flight."""
        pids = self.all_pids()
        bounded.send(pids, signal.SIGSTOP)
        met = in_flight(self.device)
        self.kill(pids)
        if not bounded.await_end(pids):
            raise RuntimeError(f"{self.name}: SIGKILL does not end {pids}")
        return met

    def stop_all(self):
        self.stopped = self.all_pids()
        bounded.send(self.stopped, signal.SIGSTOP)

    # What an operator does then: pairs of (text, function that does it).

    def repairs(self, case, prepare=None):
        raise NotImplementedError

    def deletion(self):
        raise NotImplementedError

    def exists(self):
        return os.path.exists(f"/sys/block/{os.path.basename(self.device)}")

    # Ends everything; returns whether that was possible.

    def end(self):
        for command in self.commands:
            pids = [command.pid, *bounded.children(command.pid)]
            bounded.send(pids, signal.SIGKILL)
            bounded.send(pids, signal.SIGCONT)
        dead = all(command.ended(bounded.PATIENCE) for command in self.commands)
        gone = self.device is None or self.remove()
        with contextlib.suppress(FileNotFoundError):
            self.store.remove()
        return dead and gone

    def remove(self):
        raise NotImplementedError

    @staticmethod
    def sweep():
        """Removes all remaining devices of this kind; returns whether none is left."""
        raise NotImplementedError


class Userblk(FaultTarget):
    """userblkctl serve: a supervisor and worker processes."""

    module = "userblk"

    def create(self):
        owner = ["--owner", "nobody"] if self.unprivileged else []
        command = self.start_command("userblkctl", "create", "--size", f"{targets.SIZE_MB}M", *owner)
        if not command.ended(START_LIMIT) or command.process.returncode != 0:
            raise RuntimeError(f"userblkctl create: {command.complained()}")
        self.device = command.said()
        self.start_command(*self.serve())
        # Empty until then, and reading nothing is no answer.
        bounded.run("userblkctl", "wait", self.device, seconds=START_LIMIT)

    def serve(self):
        return [*self.as_user, "userblkctl", "serve", self.device, f"file:{self.store.path}",
                "--workers", str(WORKERS)]

    # The others take what the stopped one has not: the stopped one must hold something.
    def kill_one(self):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            for pid in bounded.children(self.server.pid):
                bounded.send([pid], signal.SIGSTOP)
                held = self.held_by(pid)
                if held:
                    self.kill([pid])
                    return held
                bounded.send([pid], signal.SIGCONT)
        raise RuntimeError("no worker holds a request")

    def held_by(self, pid):
        info = bounded.Command("userblkctl", "info", "--json", self.device)
        if not info.ended(START_LIMIT):
            raise RuntimeError("userblkctl info does not end")
        return sum(request["pid"] == pid for request in json.loads(info.said())["requests"])

    def repairs(self, case, prepare=None):
        if case == "one":
            return []  # the supervisor does it
        return [(" ".join(self.serve()), lambda: self.start_command(*self.serve(), prepare=prepare))]

    def deletion(self):
        argv = ["userblkctl", "remove", "--force", self.device]
        return " ".join(argv), lambda: self.start_command(*argv)

    def remove(self):
        if self.exists():
            bounded.run("userblkctl", "remove", "--force", self.device, seconds=30)
        return not self.exists()

    @staticmethod
    def sweep():
        return bounded.run("userblkctl", "remove", "--all", "--force", seconds=30)["status"] == 0


class Ublk(FaultTarget):
    """ublk-target: a process with one thread per queue."""

    module = "ublk_drv"

    def create(self):
        if self.unprivileged:
            self.stand_in_for_udev()
        command = self.start_command(*self.serve(
            "--queues", str(WORKERS), "--unprivileged" if self.unprivileged else "--recoverable"))
        self.device = command.line(START_LIMIT)
        if not self.device:
            raise RuntimeError(f"ublk-target: {command.complained()}")

    def serve(self, *more):
        return [*self.as_user, "ublk-target", "--type", "file", "--path", self.store.path,
                "--size", f"{targets.SIZE_MB}M", *more]

    @property
    def number(self):
        return re.search(r"\d+$", self.device)[0]

    # A udev rule written by the administrator gives nodes to their owner.
    @staticmethod
    def stand_in_for_udev():
        os.chmod("/dev/ublk-control", 0o666)

        def give_away():
            while True:
                for name in os.listdir("/dev"):
                    if re.fullmatch(r"ublk[bc]\d+", name):
                        with contextlib.suppress(FileNotFoundError):
                            os.chown(f"/dev/{name}", 65534, 65534)
                time.sleep(0.02)
        threading.Thread(target=give_away, daemon=True).start()

    # A thread cannot be killed alone: the signal ends its process.
    def kill_one(self):
        threads = sorted(int(tid) for tid in os.listdir(f"/proc/{self.server.pid}/task"))
        bounded.send([self.server.pid], signal.SIGSTOP)
        met = in_flight(self.device)
        self.kill(threads[-1:])
        if not bounded.await_end([self.server.pid]):
            raise RuntimeError("SIGKILL does not end ublk-target")
        return met

    def repairs(self, case, prepare=None):
        more = ["--queues", str(WORKERS), "--unprivileged"] if self.unprivileged else ["--recover", self.number]
        argv = self.serve(*more)
        return [(" ".join(argv), lambda: self.start_command(*argv, prepare=prepare))]

    def deletion(self):
        argv = ["ublk-target", "--remove", self.number]
        return " ".join(argv), lambda: self.start_command(*argv)

    # Without recovery a new server gets a new device.
    def remove(self):
        made = {name for command in self.commands for name in re.findall(r"^/dev/ublkb(\d+)$", command.said(), re.M)}
        for number in made:
            if os.path.exists(f"/dev/ublkc{number}"):
                bounded.run("ublk-target", "--remove", number, seconds=20)
        return not any(os.path.exists(f"/dev/ublkc{number}") for number in made)

    @staticmethod
    def sweep():
        def left():
            return [name for name in os.listdir("/dev") if name.startswith("ublkc")]
        for name in left():
            bounded.run("ublk-target", "--remove", name.removeprefix("ublkc"), seconds=20)
        return not left()


def serve_connections(path, store, as_user, prepare):
    """Like inetd: a separate server for each connection. Never returns."""
    if prepare:
        prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            peer, _ = listener.accept()
            with peer:
                subprocess.Popen([*as_user, "nbdkit", "--single", "file", store], stdin=peer, stdout=peer)


class Nbd(FaultTarget):
    """nbdkit, one process for each of two connections, and the kernel's client. "how" names
    the setup: client (plain nbd-client), persist (its -persist and -timeout), or dead-timeout
    (the kernel's dead_conn_timeout, which nbd-client does not offer; see nbd_netlink).
    """

    module = "nbd"
    CONNECTIONS = 2
    TIMEOUT = 5
    DEAD_TIMEOUT = 120
    INDEX = {"main": 0, "neighbour": 1, "another": 2}

    def __init__(self, name="main", unprivileged=False, how="client"):
        super().__init__(name, unprivileged)
        self.how = how
        self.index = self.INDEX[name]
        self.device = f"/dev/nbd{self.index}"
        self.socket = f"{targets.SCRATCH}/{name}.sock"

    def create(self):
        self.listen()
        self.connect()
        targets.wait_until("nbd", lambda: targets.read_size(self.device) > 0)

    def listen(self, prepare=None):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        self.listener = bounded.Call(serve_connections, self.socket, self.store.path, self.as_user, prepare)
        self.commands.append(self.listener)
        targets.wait_until("nbd's server", lambda: os.path.exists(self.socket))
        return self.listener

    def connecting(self):
        words = ["nbd-client", "-unix", self.socket, self.device, "-connections", str(self.CONNECTIONS),
                 "-b", "512"]
        if self.how == "persist":
            words += ["-nonetlink", "-persist", "-nofork", "-timeout", str(self.TIMEOUT)]
        return words

    def connect(self):
        if self.how == "dead-timeout":
            command = bounded.Call(nbd_netlink.connect, self.socket, self.index, self.CONNECTIONS,
                                   self.TIMEOUT, self.DEAD_TIMEOUT)
            self.commands.append(command)
        else:
            command = self.start_command(*self.connecting())
        if self.how != "persist" and (not command.ended(START_LIMIT) or command.process.returncode != 0):
            raise RuntimeError(f"nbd: {command.complained()}")

    def reconnect(self):
        self.commands.append(bounded.Call(nbd_netlink.reconnect, self.socket, self.index, self.CONNECTIONS))
        return self.commands[-1]

    def all_pids(self):
        return [self.listener.pid, *bounded.children(self.listener.pid)]

    def kill_one(self):
        servers = bounded.children(self.listener.pid)
        if len(servers) != self.CONNECTIONS:
            raise RuntimeError(f"{len(servers)} servers, not {self.CONNECTIONS}")
        bounded.send(servers[:1], signal.SIGSTOP)
        time.sleep(0.5)  # until it gets some requests: it could be the other one's turn
        met = in_flight(self.device)
        self.kill(servers[:1])
        return met

    def repairs(self, case, prepare=None):
        if case == "one":
            return []  # the kernel switches to the other connection
        server = (" ".join([*self.as_user, "nbdkit", "file", self.store.path]), lambda: self.listen(prepare))
        again = {"persist": [],
                 "dead-timeout": [("NBD_CMD_RECONFIGURE, with new connections", self.reconnect)],
                 "client": [(" ".join(self.connecting()), lambda: self.start_command(*self.connecting()))]}
        return [server, *again[self.how]]

    def deletion(self):
        argv = ["nbd-client", "-d", self.device]
        return " ".join(argv), lambda: self.start_command(*argv)

    def exists(self):
        return os.path.exists(f"/sys/block/nbd{self.index}/pid")

    def remove(self):
        if self.exists():
            bounded.run("nbd-client", "-d", self.device, seconds=30)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        return not self.exists()

    @staticmethod
    def sweep():
        connected = [n for n in range(16) if os.path.exists(f"/sys/block/nbd{n}/pid")]
        return all(bounded.run("nbd-client", "-d", f"/dev/nbd{n}", seconds=30)["status"] == 0
                   for n in connected)


KINDS = {"userblk": Userblk, "ublk": Ublk, "nbd": Nbd}
