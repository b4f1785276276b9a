# SPDX-License-Identifier: MIT
"""Commands and calls that may hang: each in its own process, with a time limit.

What hangs is killed, and left behind if that does not end it, either: a process may be
stuck in the kernel. Nothing here waits for it.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
import time

PATIENCE = 3  # seconds, for the exit of a killed process
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def begin(prepare):
    """Runs in a new process, before its program: the process does not outlive us."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if prepare:
        prepare()


class Command:
    """A running process, alone in its session. Its output goes to unnamed files, which are closed
    with the object."""

    took = None  # seconds, once its exit has been noticed

    def __init__(self, *argv, prepare=None):
        self.begun = time.monotonic()
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        start_new_session=True, preexec_fn=lambda: begin(prepare))

    @property
    def pid(self):
        return self.process.pid

    def ended(self, seconds=0.0):
        """Whether it has ended, after this long at most."""
        try:
            self.process.wait(seconds)
            if self.took is None:
                self.took = round(time.monotonic() - self.begun, 3)
            return True
        except subprocess.TimeoutExpired:
            return False

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.ended(PATIENCE)

    def said(self):
        return os.pread(self.out.fileno(), 1 << 16, 0).decode(errors="replace").strip()

    def complained(self):
        """Its standard error, on one line."""
        return "; ".join(os.pread(self.err.fileno(), 1 << 10, 0).decode(errors="replace").split("\n")).strip("; ")

    def line(self, seconds):
        """The first line of its output, once there is one; empty if none comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if "\n" in os.pread(self.out.fileno(), 1 << 16, 0).decode(errors="replace"):
                return self.said().splitlines()[0]
            if self.ended(0.02):
                break
        return ""


class Call(Command):
    """A Python function in a child; exceptions go to the child's standard error."""

    def __init__(self, function, *arguments):  # pylint: disable=super-init-not-called
        self.begun = time.monotonic()
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = Forked(function, arguments, self.out.fileno(), self.err.fileno())


class Forked:
    """The part of Popen that Command needs."""

    def __init__(self, function, arguments, out, err):
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.setsid()
                begin(None)
                os.dup2(out, 1)
                os.dup2(err, 2)
                function(*arguments)
                status = 0
            except BaseException as error:  # pylint: disable=broad-except
                os.write(2, f"{error}\n".encode())
            finally:
                os._exit(status)

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= end:
                raise subprocess.TimeoutExpired(str(self.pid), seconds)
            else:
                time.sleep(0.01)
        return self.returncode


def outcome(command, seconds):
    """Waits for its end, kills it if it hangs; returns the result."""
    ended = command.ended(seconds)
    took = command.took if ended else round(time.monotonic() - command.begun, 3)
    if not ended:
        command.kill()
    return {"ended": ended, "seconds": took, "status": command.process.returncode if ended else None,
            "error": command.complained() if ended and command.process.returncode else ""}


def outcomes(commands, seconds):
    """The same for several running at the same time, by name."""
    end = time.monotonic() + seconds
    # Each is polled each time, since that records the time that it took.
    while not all([command.ended() for command in commands.values()]) and time.monotonic() < end:
        time.sleep(0.02)
    return {name: outcome(command, 0) for name, command in commands.items()}


def run(*argv, seconds=15):
    return outcome(Command(*argv), seconds)


def alive(pid):
    """Whether a process can still act; a zombie cannot."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def send(pids, what):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def await_end(pids, seconds=30):
    """Whether all of them are dead, after this long at most."""
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
