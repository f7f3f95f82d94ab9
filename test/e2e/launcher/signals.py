"""Says which signals it gets; ends after SIGUSR1."""

import signal

# Blocked and waited for: nothing is lost between one and the next.
WAITED = {getattr(signal, f"SIG{name}") for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH")}
signal.pthread_sigmask(signal.SIG_BLOCK, WAITED)
print("ready", flush=True)
got = None
while got != signal.SIGUSR1:
    got = signal.Signals(signal.sigwait(WAITED))
    print(f"got {got.name}", flush=True)
