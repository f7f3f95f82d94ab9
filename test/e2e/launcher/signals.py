"""Says which signals it gets; ends after SIGUSR1."""

import signal

got = []


def handler(number, _frame):
    got.append(number)
    print(f"got {signal.Signals(number).name}", flush=True)


for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH"):
    signal.signal(getattr(signal, f"SIG{name}"), handler)
print("ready", flush=True)
while signal.SIGUSR1 not in got:
    signal.pause()
