"""Byte-compiles Python files in several processes, with the Python of the environment that they belong to.

Arguments: the number of processes; then `-i LIST`, a file with a path in each line, or directories. What is up to date
is left alone. Prints `files N`, then `compiled N` for as many more. Exit code 1: some files do not compile.

Each process gets its files at once. compileall's own `-j` hands them to its processes one by one, which takes half as
much processor time again as compiling does.
"""

import compileall
import os
import sys

SAID_EVERY = 100


def sources(directories):
    """Yields (size, path) of the Python files below directories."""
    for directory in directories:
        for at, below, names in os.walk(directory):
            if "__pycache__" in below:
                below.remove("__pycache__")
            for name in names:
                if name.endswith(".py"):
                    path = os.path.join(at, name)
                    try:
                        yield os.stat(path).st_size, path
                    except OSError:
                        pass  # a link that leads nowhere


def listed(path):
    with open(path) as lines:
        return [(0, line.rstrip("\n")) for line in lines]


def compile_files(paths):
    """Returns whether all of them compile."""
    whole = True
    for number, path in enumerate(paths, 1):
        try:
            whole = bool(compileall.compile_file(path, quiet=2)) and whole
        except Exception:  # what the compiler itself gives up on (depth, null bytes) is used as source, too
            whole = False
        if number % SAID_EVERY == 0 or number == len(paths):
            os.write(1, ("compiled %d\n" % (number % SAID_EVERY or SAID_EVERY)).encode("ascii"))
    return whole


def main(jobs, *rest):
    found = listed(rest[1]) if rest[0] == "-i" else list(sources(rest))
    # The largest first, dealt out in turn: each process gets as much.
    paths = [path for _, path in sorted(found, reverse=True)]
    os.write(1, ("files %d\n" % len(paths)).encode("ascii"))
    jobs = max(1, min(int(jobs), len(paths)))
    shares = [paths[first::jobs] for first in range(jobs)]
    children = []
    for share in shares[1:]:
        child = os.fork()
        if child == 0:
            os._exit(0 if compile_files(share) else 1)
        children.append(child)
    whole = compile_files(shares[0])
    for child in children:
        whole = os.waitpid(child, 0)[1] == 0 and whole
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
