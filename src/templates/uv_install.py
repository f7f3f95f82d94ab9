"""Installs a requirements file with uv, and compares the files that came with the hashes in their packages' own lists.

uv links files from its cache without looking at them: one that was damaged there would come into every environment.
What differs is taken out of the cache and installed once more; what then differs in another way is an error.

Arguments: UV ROOT REQUIREMENTS [OPTION of uv pip install ...] ["pip": add pip, where the index has it; people expect
it, uv itself needs none].
"""

import base64
import csv
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

PIECE = 1 << 20
FILES_A_TASK = 128
NAMES_SHOWN = 5


def dist_infos(root):
    """The lists of the installed packages, each with what changes when it is written anew."""
    found = {}
    libraries = os.path.join(root, "lib")
    packages = {
        os.path.realpath(os.path.join(libraries, name, "site-packages"))
        for name in (os.listdir(libraries) if os.path.isdir(libraries) else ())
    }
    for directory in filter(os.path.isdir, packages):
        for name in os.listdir(directory):
            record = os.path.join(directory, name, "RECORD")
            if name.endswith(".dist-info") and os.path.isfile(record):
                status = os.stat(record)
                found[record] = (status.st_ino, status.st_mtime_ns)
    return found


def listed_files(record):
    """Of each file with a hash in a RECORD: its path, the hash's kind and value, and the size or None."""
    site_packages = os.path.dirname(os.path.dirname(record))
    with open(record, encoding="utf-8", newline="", errors="surrogateescape") as lines:
        for row in csv.reader(lines):
            kind, _, value = (row[1] if len(row) > 1 else "").partition("=")
            if kind in ("sha256", "sha384", "sha512"):
                size = int(row[2]) if len(row) > 2 and row[2].isdigit() else None
                yield os.path.join(site_packages, row[0]), kind, value, size


def difference(path, kind, value, size):
    """What a file is where it is not what its list says; None where it is."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            length = os.fstat(file).st_size
            if size is not None and length != size:
                return "%d bytes" % length
            digest = hashlib.new(kind)
            piece = os.read(file, PIECE)
            while piece:
                digest.update(piece)
                piece = os.read(file, PIECE)
        finally:
            os.close(file)
    except OSError as error:
        return error.strerror
    found = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    return None if found == value.rstrip("=") else found


def differing(records):
    """(package, path, what it is) of each file that differs; hashing and reading let other threads run."""
    files, unreadable = [], set()
    for record in records:
        try:
            files += [(package_of(record), *file) for file in listed_files(record)]
        except csv.Error as error:
            unreadable.add((package_of(record), record, str(error)))
    tasks = [files[at : at + FILES_A_TASK] for at in range(0, len(files), FILES_A_TASK)]

    def look(task):
        looked = ((package, path, difference(path, *expected)) for package, path, *expected in task)
        return [found for found in looked if found[2] is not None]

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        return unreadable.union(*pool.map(look, tasks))


def package_of(record):
    return os.path.basename(os.path.dirname(record)).split("-")[0]


def shown(found):
    paths = sorted(path for _, path, _ in found)
    more = ", …" if len(paths) > NAMES_SHOWN else ""
    return ", ".join(paths[:NAMES_SHOWN]) + more


def main(uv, root, requirements, *options):
    python = os.path.join(root, "bin", "python3")

    def install(*arguments):
        # uv writes to the same streams.
        sys.stdout.flush()
        status = subprocess.call([uv, "pip", "install", "--no-progress", "--python", python, *arguments])
        # As shells say of a program that a signal ended.
        return status if status >= 0 else 128 - status

    further = [option for option in options if option.startswith("--")]
    before = dist_infos(root)
    status = install(*further, "-r", requirements)
    if status:
        return status
    if "pip" in options and install("pip"):
        print("pip is not added: the index has none")

    new = [record for record, written in dist_infos(root).items() if before.get(record) != written]
    damaged = differing(new)
    if not damaged:
        return 0
    packages = sorted({package for package, _, _ in damaged})
    names = ", ".join(packages)
    print("kapseli: warning: damaged in uv's cache, fetched anew: %s (%s)" % (names, shown(damaged)), flush=True)
    # uv waits there for others that use the cache.
    status = subprocess.call([uv, "cache", "clean", *packages])
    again = [word for package in packages for word in ("--reinstall-package", package)]
    status = status or install(*further, "-r", requirements, *again)
    if not status and "pip" in packages and "pip" in options:
        status = install("--reinstall-package", "pip", "pip")
    if status:
        return status
    still = differing([record for record in dist_infos(root) if package_of(record) in packages])
    # A package whose own list is wrong comes in the same way each time, and is what its author published.
    if still - damaged:
        print("error: files are not what their packages say, also after they were fetched anew: " + shown(still))
        return 1
    if still:
        print("kapseli: warning: the package's own list of files is wrong: " + shown(still))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
