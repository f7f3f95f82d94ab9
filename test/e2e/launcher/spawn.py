"""Starts further Pythons in the ways that programs do, and prints where each believes to be."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

WHERE = "import sys; print(sys.executable, sys.prefix)"


def where(_=None):
    return f"{sys.executable} {sys.prefix}"


def run(*call):
    return subprocess.run([*call, "-c", WHERE], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    found = {
        "itself": where(),
        "sys.executable": run(sys.executable),
        "by name": run("python3"),
        "found on PATH": shutil.which("python3"),
        "by path": run(os.path.join(sys.prefix, "bin", "python3")),
        "from its directory": subprocess.run(
            ["./python3", "-c", WHERE],
            cwd=os.path.join(sys.prefix, "bin"),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip(),
        "by a shell": subprocess.run(
            ["sh", "-c", f"exec {sys.executable} -c '{WHERE}'"], check=True, capture_output=True, text=True
        ).stdout.strip(),
    }
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found["spawned"] = sorted(set(pool.map(where, range(4))))
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        found["of a fork server"] = sorted(set(pool.map(where, range(4))))
    print(json.dumps(found))
