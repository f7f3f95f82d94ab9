"""Byte-compiles Python files in several processes, with the Python of the environment that they belong to.

Arguments: the number of processes; `-c CACHE MADE` for a cache of bytecode, and the directory for what it lacks; then
`-i LIST`, a file with a path in each line, or directories. What is up to date is left alone. Prints `files N`, then
`compiled N` for as many more. Exit code 1: some files do not compile.

Each process gets its files at once. compileall's own `-j` hands them to its processes one by one, which takes half as
much processor time again as compiling does.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bytecode_cache

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


def compile_files(paths, compile_file):
    """Returns whether all of them compile."""
    whole = True
    for number, path in enumerate(paths, 1):
        try:
            whole = compile_file(path) and whole
        except Exception:  # what the compiler itself gives up on (depth, null bytes) is used as source, too
            whole = False
        if number % SAID_EVERY == 0 or number == len(paths):
            os.write(1, ("compiled %d\n" % (number % SAID_EVERY or SAID_EVERY)).encode("ascii"))
    return whole


def compile_in_processes(shares, work):
    """Runs work(number, share) for each in a process of its own. Returns whether all of them compile."""
    children = []
    for number, share in enumerate(shares[1:], 1):
        child = os.fork()
        if child == 0:
            os._exit(0 if work(number, share) else 1)
        children.append(child)
    whole = work(0, shares[0])
    for child in children:
        whole = os.waitpid(child, 0)[1] == 0 and whole
    return whole


def main(jobs, *rest):
    cache = made = own_tag = None
    if rest[0] == "-c":
        cache, made, *rest = rest[1:]
        own_tag = bytecode_cache.tag()
    found = listed(rest[1]) if rest[0] == "-i" else list(sources(rest))
    # The largest first, dealt out in turn: each process gets as much.
    paths = [path for _, path in sorted(found, reverse=True)]
    os.write(1, ("files %d\n" % len(paths)).encode("ascii"))
    jobs = max(1, min(int(jobs), len(paths)))
    shares = [paths[first::jobs] for first in range(jobs)]
    if own_tag is None:
        return 0 if compile_in_processes(shares, lambda _, share: compile_files(share, bytecode_cache.by_compiler)) else 1

    kept = bytecode_cache.Kept(cache, own_tag)
    pieces = [os.path.join(made, "piece.%d" % number) for number in range(jobs)]

    def work(number, share):
        piece = bytecode_cache.Made(pieces[number])
        whole = compile_files(share, lambda path: bytecode_cache.compile_file(path, kept, piece))
        piece.close()
        return whole

    whole = compile_in_processes(shares, work)
    bytecode_cache.gather(pieces, os.path.join(made, own_tag + "-" + os.urandom(8).hex()))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
