"""Imports packages of this environment, each in an interpreter of its own, and says how each went.

Arguments: a mark, and a JSON object {"names": [...], "seconds": N}: package names as conda or pip know them, and how
long one import may take. Prints a JSON list between two marks: [{"name", "state", "modules", "said"}], where state is
  imported    every module was imported
  failed      "said" is what the interpreter said
  unknown     installed, but it does not say which modules it has
  no-modules  installed, and nothing to import (a program, a C library)
  missing     not installed
"""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath

SUFFIXES = (".py", ".so", ".pyd")
# Beside a package's own modules these are its tests and documentation.
ASIDE = {"test", "tests", "testing", "docs", "doc", "examples", "example", "benchmarks", "scripts", "tools"}
MOST_MODULES = 3


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions():
    found = {}
    for dist in metadata.distributions():
        name = dist.metadata["Name"]
        if name:
            found.setdefault(normal(name), dist)
    return found


def conda_files():
    """The files of each conda package, by its name."""
    found = {}
    for file in Path(sys.prefix, "conda-meta").glob("*.json"):
        try:
            record = json.loads(file.read_text())
            found[normal(record["name"])] = record.get("files") or []
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def module_of(parts):
    """The module that a file is, as dotted name, or None."""
    *directories, last = parts
    if not last.endswith(SUFFIXES):
        return None
    stem = last.split(".")[0]
    names = directories if stem == "__init__" else [*directories, stem]
    return ".".join(names) if names and all(name.isidentifier() for name in names) else None


def modules(files):
    """What can be imported of a package: its packages' outermost `__init__`, its single modules, no part of them."""
    packages, singles = set(), set()
    for file in files:
        parts = PurePosixPath(str(file)).parts
        if not parts or parts[0] in ("..", "/", "bin", "__pycache__"):
            continue
        name = module_of(parts)
        if name is None:
            continue
        if parts[-1].startswith("__init__."):
            packages.add(name)
        elif len(parts) == 1:
            singles.add(name)
    inner = {name for name in packages if any(name.startswith(other + ".") for other in packages)}
    return (packages - inner) | singles


def chosen(names, package):
    """The modules that a package is used by: the one of its own name, else those that are not private."""
    own = package.replace("-", "_")
    for name in sorted(names):
        if name.lower() in (own, package.replace("-", ".")):
            return [name]
    public = sorted(name for name in names if not name.startswith("_") and name.split(".")[0] not in ASIDE)
    return (public or sorted(names))[:MOST_MODULES]


def files_of(dist):
    return [str(file) for file in dist.files or []]


def site_files(files):
    """Of a conda package's files those in site-packages, relative to it."""
    found = []
    for file in files:
        head, separator, tail = str(file).partition("site-packages/")
        if separator and ("lib/python" in head or head == ""):
            found.append(tail)
    return found


def top_level(dist):
    text = dist.read_text("top_level.txt") or ""
    return {line.strip() for line in text.splitlines() if line.strip().isidentifier()}


def try_import(name, seconds):
    code = "import importlib, sys; importlib.import_module(sys.argv[1])"
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-c", code, name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {seconds} s"
    if ran.returncode == 0:
        return None
    said = [line for line in ran.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    how = f"signal {-ran.returncode}" if ran.returncode < 0 else f"exit code {ran.returncode}"
    return said[-1][:500] if said else how


def look(package, dists, conda, seconds):
    key = normal(package)
    names = set()
    dist = dists.get(key)
    if dist is not None:
        names = modules(files_of(dist)) or top_level(dist)
    elif key in conda:
        files = site_files(conda[key])
        # A package of conda may go by another name than what it holds (pytorch, which holds torch).
        held = {file.split("/")[0] for file in files if ".dist-info/" in file}
        names = modules(file for file in files if ".dist-info/" not in file)
        if not names and not held:
            return {"name": package, "state": "no-modules", "modules": [], "said": ""}
    else:
        return {"name": package, "state": "missing", "modules": [], "said": ""}
    if not names:
        state = "unknown" if dist is None or dist.files is None else "no-modules"
        return {"name": package, "state": state, "modules": [], "said": ""}
    tried = chosen(names, key)
    for name in tried:
        said = try_import(name, seconds)
        if said is not None:
            return {"name": package, "state": "failed", "modules": [name], "said": said}
    return {"name": package, "state": "imported", "modules": tried, "said": ""}


def main():
    mark, request = sys.argv[1], json.loads(sys.argv[2])
    dists, conda = distributions(), conda_files()
    found = [look(name, dists, conda, request["seconds"]) for name in request["names"]]
    sys.stdout.write(mark + json.dumps(found) + mark)


main()
