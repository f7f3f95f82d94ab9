"""Types at a program on a terminal of its own, as a person would, and prints what the terminal showed.

terminal.py PROGRAM... < STEPS, a JSON list of [text to wait for, text to type then]. Status 1 when a text does not come.
"""
import json
import os
import pty
import select
import signal
import sys
import time

SECONDS_FOR_EACH_STEP = 20


def main():
    steps = json.load(sys.stdin)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    shown = b""
    seen = 0
    status = 0
    for awaited, typed in steps:
        limit = time.monotonic() + SECONDS_FOR_EACH_STEP
        while (found := shown.find(awaited.encode(), seen)) < 0:
            ready, _, _ = select.select([terminal], [], [], max(0, limit - time.monotonic()))
            try:
                more = os.read(terminal, 65536) if ready else b""
            except OSError:
                more = b""
            if not more:
                sys.stderr.write(f"never shown: {awaited!r}\n")
                status = 1
                break
            shown += more
        if status:
            break
        seen = found + len(awaited.encode())
        os.write(terminal, typed.encode())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    sys.stdout.write(shown.decode(errors="replace"))
    return status


sys.exit(main())
