"""Runs a program on a terminal of its own and plays a person at it.

terminal.py STEPS PROGRAM [ARGUMENT ...]: STEPS is a JSON list of [wait for this text, then type this]; prints as JSON
what the terminal showed and how the program ended (its exit code, or minus the signal's number).
"""

import json
import os
import pty
import select
import sys
import time

DEADLINE_SECONDS = 60

steps = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

shown = ""
seen = 0
deadline = time.monotonic() + DEADLINE_SECONDS
while True:
    while steps and steps[0][0] in shown[seen:]:
        expected, typed = steps.pop(0)
        seen = shown.index(expected, seen) + len(expected)
        os.write(terminal, typed.encode())
    left = deadline - time.monotonic()
    if left <= 0 or not select.select([terminal], [], [], left)[0]:
        os.kill(child, 9)
        sys.exit(f"nothing came any more; it showed {shown!r}, to do were {steps!r}")
    try:
        data = os.read(terminal, 65536)
    except OSError:  # Linux: the other side is closed
        break
    if not data:
        break
    shown += data.decode()

status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps({"shown": shown, "status": status, "undone": steps}))
