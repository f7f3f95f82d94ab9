"""What rattler_install.py says, and when it gives up on a server that says nothing any more.

One JSON object a line on standard output: {"progress": {"phase", "done", "total", "name"}}, with "bytes": {"done",
"total"} while packages come; {"warning": "..."}; {"error": {"kind", "message"}}; {"done": {...}}.
"""

import contextlib
import json
import os
import socket
import stat
import struct
import threading
import time

# conda's own name of the setting, and twice its default: rattler tries no connection again that is only silent.
SECONDS_VARIABLE = "CONDA_REMOTE_READ_TIMEOUT_SECS"
SECONDS = 120
# Of processor time in a second: a process that uses more is at work. One that waits uses less than a tenth of it.
AT_WORK = 0.01


def report(**event):
    print(json.dumps(event), flush=True)


def refuse(kind, message):
    report(error={"kind": kind, "message": message})
    # The interpreter is left at once: rattler's threads sometimes crash a normal exit.
    os._exit(1)


def identity(directory):
    """Changes when a package is unpacked anew; of a file that is never linked into an environment."""
    try:
        found = (directory / "info" / "index.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def waits_for_lock():
    """Whether another process holds a lock that this one waits for: that one downloads (proc_locks(5))."""
    try:
        with open("/proc/locks", encoding="ascii") as locks:
            rows = [line.split() for line in locks]
    except OSError:
        return False
    return any(row[1] == "->" and row[5] == str(os.getpid()) for row in rows if len(row) > 5)


# Where the kernel's struct tcp_info has tcpi_last_data_recv: milliseconds since data came (linux/tcp.h).
LAST_DATA_RECEIVED = 52


def seconds_of_silence():
    """Since the last bytes came from any server; rattler says it of packages, but not of the channels' lists."""
    least = float("inf")
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                known = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED + 4)
            least = min(least, struct.unpack_from("=I", known, LAST_DATA_RECEIVED)[0] / 1000)
        except (OSError, struct.error):
            continue
    return least


class Watchdog(threading.Thread):
    """Ends the process when a server is waited for that sends nothing: rattler itself would wait for ever.

    While it solves or unpacks it uses the processor.
    """

    def __init__(self):
        super().__init__(daemon=True)
        try:
            self.seconds = float(os.environ.get(SECONDS_VARIABLE, SECONDS))
        except ValueError:
            self.seconds = SECONDS
        self.waits_for = {}
        self.heard = time.monotonic()

    def hear(self):
        self.heard = time.monotonic()

    @contextlib.contextmanager
    def waiting(self, what):
        self.hear()
        self.waits_for[what] = what
        try:
            yield
        finally:
            del self.waits_for[what]

    def run(self):
        tick = min(1.0, self.seconds / 4)
        used = 0.0
        while self.seconds > 0:
            time.sleep(tick)
            # Its own time is not the process's work.
            now_used = time.process_time() - time.thread_time()
            if now_used - used > AT_WORK * tick or not self.waits_for or waits_for_lock():
                self.hear()
            used = now_used
            self.heard = max(self.heard, time.monotonic() - seconds_of_silence())
            if time.monotonic() - self.heard > self.seconds:
                names = ", ".join(sorted(map(str, list(self.waits_for.values()))))
                refuse("silent", f"nothing came for {self.seconds:g} s, while waiting for {names}")


class Reporter:
    """Counts packages as they are fetched and linked, and says which were damaged in the cache."""

    def __init__(self, unpacked, watchdog):
        self.unpacked = unpacked
        self.known = {name: identity(directory) for name, directory in unpacked.items()}
        self.watchdog = watchdog
        self.validated = set()
        self.names = {}
        self.fetched = self.linked = self.total = 0
        self.came = {}
        self.said = 0.0

    def on_transaction_start(self, total_operations):
        self.total = total_operations

    def on_populate_cache_start(self, operation, package_name):
        self.names[operation] = package_name
        return operation

    def on_validate_start(self, cache_entry):
        """Called where a package that is in the cache was not found whole: it is looked at again, then replaced."""
        name = self.names.get(cache_entry, "")
        if name in self.unpacked:
            self.validated.add(name)
        return cache_entry

    def on_download_start(self, cache_entry):
        name = self.names.get(cache_entry, "")
        self.watchdog.hear()
        self.watchdog.waits_for[cache_entry] = name
        self.say("downloading", self.fetched, name)
        return cache_entry

    def on_download_progress(self, download_idx, progress, total):
        self.watchdog.hear()
        self.came[download_idx] = (progress, total or progress)
        now = time.monotonic()
        if now - self.said >= 1:
            self.said = now
            done, whole = map(sum, zip(*self.came.values()))
            name = self.names.get(download_idx, "")
            self.say("downloading", self.fetched, name, bytes={"done": done, "total": whole})

    def on_download_completed(self, download_idx):
        self.watchdog.waits_for.pop(download_idx, None)

    def on_populate_cache_complete(self, cache_entry):
        self.watchdog.waits_for.pop(cache_entry, None)
        self.fetched += 1
        name = self.names.get(cache_entry, "")
        self.say("downloading", self.fetched, name)
        if name in self.validated and self.known.get(name) != identity(self.unpacked[name]):
            report(warning=f"{name} was damaged in the package cache and was fetched anew: {self.unpacked[name]}")

    def on_link_start(self, operation, package_name):
        self.names[operation] = package_name
        return operation

    def on_link_complete(self, index):
        self.linked += 1
        self.say("linking", self.linked, self.names.get(index, ""))

    def say(self, phase, done, name, **more):
        report(progress={"phase": phase, "done": done, "total": self.total, "name": name, **more})

    def __getattr__(self, name):
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *_args, **_keywords: 0
