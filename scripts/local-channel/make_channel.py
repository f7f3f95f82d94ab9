"""Makes a conda channel in a new directory. Run by make-channel.sh, which brings what this imports."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rattler.index import index_fs

from conda_package import Format
from own_packages import make_own_packages
from python_package import PYTHON, make_python_package
from wheel_package import download_wheel, make_wheel_package

# name, version, what it needs, format of its archive
Wheel = tuple[str, str, list[str], Format]
SMALL: list[Wheel] = [
    ("pip", "25.0.1", ["setuptools", "wheel"], "conda"),
    ("setuptools", "75.8.0", [], "conda"),
    ("wheel", "0.45.1", [], "conda"),
    ("numpy", "2.2.6", [], "conda"),
    ("cowsay", "6.1", [], "conda"),
]
FULL: list[Wheel] = [
    *SMALL,
    ("numpy", "1.26.4", [], "conda"),
    ("cowsay", "6.0", [], "tar.bz2"),
    ("tqdm", "4.67.1", [], "conda"),
    ("click", "8.1.8", [], "tar.bz2"),
]
# What a venv gets from ensurepip.
BUNDLED = ("pip", "setuptools")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("channel", type=Path)
    arguments = parser.parse_args()
    channel: Path = arguments.channel
    channel.mkdir(parents=True)

    start = time.monotonic()
    wanted = SMALL if arguments.size == "small" else FULL
    with tempfile.TemporaryDirectory(prefix="kapseli-channel-") as folder:
        work = Path(folder)
        wheels = [(download_wheel(arguments.cache, name, version), needs, archive) for name, version, needs, archive in wanted]
        bundled = [wheel for wheel, _, _ in wheels if wheel.name.split("-")[0] in BUNDLED]
        python = make_python_package(work, arguments.cache, bundled)
        packages = [python]
        interpreter = python.root / "bin" / f"python{PYTHON}"
        packages += [make_wheel_package(wheel, work, interpreter, needs, archive) for wheel, needs, archive in wheels]
        if arguments.size == "full":
            packages += make_own_packages(work)
        for package in packages:
            package.write(channel)
    asyncio.run(index_fs(channel, write_zst=True, write_shards=False))
    print(f"make-channel: {len(packages)} packages in {time.monotonic() - start:.1f} s", flush=True)
    sys.stderr.flush()
    # py-rattler 0.28.0 sometimes crashes while the interpreter exits, the channel being complete.
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"make-channel: {shlex.join(str(part) for part in error.cmd)} failed")
