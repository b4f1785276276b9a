# SPDX-License-Identifier: MIT
"""The application: fio, which continuously writes, reads back and verifies, continues after
errors, and reports afterwards what it saw.
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import bounded

JOBS = 2
DEPTH = 8
AREA_MB = 4  # per job; written in random order, repeatedly
BACKLOG = 64  # blocks per job, after which they are read back
ERRORS_ENOUGH = 2000  # fio gives up after this many
END_LIMIT = 75  # seconds; some drivers hold a request for 30 before they retry


class VerifiedLoad:
    def __init__(self, device, scratch):
        self.folder = tempfile.mkdtemp(dir=scratch, prefix="fio.")
        self.disk = os.path.basename(device)
        self.identity = os.stat(f"/sys/block/{self.disk}").st_ino
        self.io_errors = self.wrong_data = 0
        self.error_times = []
        self.process = subprocess.Popen([
            "fio", "--name=application", f"--filename={device}", "--thread", f"--numjobs={JOBS}",
            f"--size={AREA_MB}M", f"--offset_increment={AREA_MB}M", "--rw=randwrite", "--bs=4k",
            "--direct=1", "--ioengine=libaio", f"--iodepth={DEPTH}", "--randrepeat=0",
            "--loops=1000000", "--verify=crc32c", f"--verify_backlog={BACKLOG}", "--verify_fatal=0",
            "--continue_on_error=all", "--error_dump=1", "--eta=never", "--output-format=json",
            f"--output={self.folder}/result", f"--write_lat_log={self.folder}/log",
            "--log_unix_epoch=1"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()

    def read_errors(self):
        for line in self.process.stderr:
            if "io_u error" in line:
                self.io_errors += 1
                self.error_times.append(time.time())
                if self.io_errors == ERRORS_ENOUGH:
                    self.tell(signal.SIGINT)
            elif ("verify failed" in line or "verify: bad" in line) and self.exists():
                self.wrong_data += 1

    def exists(self):
        """Linux reads 0 bytes from a deleted disk, which fio takes for data. Another disk may
        have its name by now."""
        try:
            with open(f"/sys/block/{self.disk}/size", encoding="ascii") as file:
                return int(file.read()) > 0 and os.stat(f"/sys/block/{self.disk}").st_ino == self.identity
        except OSError:
            return False

    def tell(self, what):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, what)

    def completed(self):
        with open(f"/sys/block/{self.disk}/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.read().split()]
        return fields[0] + fields[4]

    def await_traffic(self, more=500, seconds=60):
        """Waits until this many more requests of the disk are answered."""
        wanted = self.completed() + more
        end = time.monotonic() + seconds
        while self.completed() < wanted:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"fio does not get going on {self.disk}")
            time.sleep(0.02)

    def finish(self):
        """Ends fio; returns whether it could exit."""
        self.tell(signal.SIGINT)
        try:
            self.process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            self.tell(signal.SIGKILL)
            return False
        self.reader.join(bounded.PATIENCE)
        return True

    def kill(self):
        """Whether fio is gone: a hanging request keeps it."""
        self.tell(signal.SIGKILL)
        try:
            self.process.wait(bounded.PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        return True

    def answers(self):
        """(begin, end) of each request answered without an error, in seconds."""
        found = []
        for path in glob.glob(f"{self.folder}/log_lat.*.log"):
            with open(path, encoding="ascii") as file:
                for line in file:
                    end, latency = line.split(",")[:2]
                    found.append((int(end) / 1e3 - int(latency) / 1e9, int(end) / 1e3))
        return found

    def saw(self, fault_at, repaired_at):
        """What fio saw from the fault on."""
        with open(f"{self.folder}/result", encoding="utf-8") as file:
            text = file.read()
        jobs = json.loads(text[text.index("{"):])["jobs"]
        answers = self.answers()
        waited = [end - max(begin, fault_at) for begin, end in answers if end >= fault_at]
        return {"io_errors": self.io_errors, "gave_up": self.io_errors >= ERRORS_ENOUGH,
                "wrong_data": self.wrong_data,
                "verified": sum(job["read"]["total_ios"] for job in jobs),
                "all_errors": sum(job.get("total_err", 0) for job in jobs),
                "answers": len(answers), "answers_after": sum(begin > repaired_at for begin, _ in answers),
                "longest_wait_s": round(max(waited), 3) if waited else None,
                "first_error_s": round(self.error_times[0] - fault_at, 3) if self.error_times else None,
                "last_error_s": round(self.error_times[-1] - fault_at, 3) if self.error_times else None}
