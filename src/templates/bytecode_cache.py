"""What Python's compiler made of sources in earlier builds, so that it need not be made again.

A file of the cache is named after everything else that bytecode depends on (`tag`), and is a row of records: the
sha256 of the source; the sha256 of the record (`digest`); where in what was compiled the source's path belongs; how long
that is; and what was compiled, as a .pyc holds it (PEP 552, after its 16 bytes), without the path. The path is put in
again for each environment, so that what is written is, byte for byte, what the compiler would write there. (Before 3.11
the compiler itself writes sets in another order each time.)
"""

import compileall
import hashlib
import importlib.util
import os
import shutil
import stat
import struct
import sys

RECORD = struct.Struct("<32s32sII")
# What marshal writes before a short ASCII string, interned or not, with and without the bit of what is referred to later.
SHORT_TEXT = b"zZ\xfa\xda"
LONGEST_SHORT_TEXT = 255


def tag():
    """Names what bytecode depends on besides the source; None where nothing is kept."""
    if sys.implementation.name != "cpython" or sys.version_info < (3, 7):
        return None
    # With it, compileall stamps files by what they hold (PEP 552).
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return None
    magic = importlib.util.MAGIC_NUMBER
    options = sorted(map(str, sys._xoptions.items()))
    depends = (sys.version, magic, sys.flags.optimize, options, os.environ.get("PYTHONNODEBUGRANGES"))
    return hashlib.sha256(repr(depends).encode("utf-8", "replace")).hexdigest()[:16]


def stamp(info):
    """The first 16 bytes of a .pyc that belongs to a source with this stat."""
    return struct.pack("<4sIII", importlib.util.MAGIC_NUMBER, 0, int(info.st_mtime) & 0xFFFFFFFF, info.st_size & 0xFFFFFFFF)


def digest(source, path_at, code):
    """What a record's own sha256 is of: nothing of it may have changed."""
    return hashlib.sha256(source + struct.pack("<I", path_at) + code).digest()


def without_path(code, path):
    """Returns where the path was in what was compiled, and the rest; None where that is not certain."""
    name = os.fsencode(path)
    if len(name) > LONGEST_SHORT_TEXT or code.count(name) != 1:
        return None
    at = code.index(name) - 1
    if at < 1 or code[at] != len(name) or code[at - 1] not in SHORT_TEXT:
        return None
    return at, code[:at] + code[at + 1 + len(name) :]


def with_path(at, code, path):
    """What `without_path` was given; None where another kind of string would be needed."""
    name = os.fsencode(path)
    if len(name) > LONGEST_SHORT_TEXT or any(byte > 127 for byte in name):
        return None
    return code[:at] + bytes([len(name)]) + name + code[at:]


class Kept:
    """What earlier builds compiled, found by the source."""

    def __init__(self, directory, own_tag):
        self.found = {}
        self.used = set()
        files = []
        try:
            names = os.listdir(directory)
        except OSError:
            names = []
        for name in names:
            if name.startswith(own_tag + "-"):
                try:
                    file = os.open(os.path.join(directory, name), os.O_RDONLY)
                    files.append((os.fstat(file).st_mtime, file))
                except OSError:
                    pass  # another build removed it
        # What was found damaged is there again, in a newer one.
        for _, file in sorted(files):
            self._read(file)

    def _read(self, file):
        at = 0
        try:
            size = os.fstat(file).st_size
            while at + RECORD.size <= size:
                source, said, path_at, length = RECORD.unpack(os.pread(file, RECORD.size, at))
                at += RECORD.size
                if at + length > size:
                    break
                self.found[source] = (file, at, length, said, path_at)
                at += length
        except (OSError, struct.error):
            pass  # what can be read is used

    def get(self, source, path):
        """What this source is compiled to at this path; None where it was not, or is damaged."""
        if source not in self.found:
            return None
        file, at, length, said, path_at = self.found[source]
        try:
            code = os.pread(file, length, at)
        except OSError:
            return None
        if digest(source, path_at, code) != said:
            return None
        if file not in self.used:
            self.used.add(file)
            try:
                os.utime(file)  # what was not used for longest is removed first
            except OSError:
                pass  # it belongs to another one of the group
        return with_path(path_at, code, path)


class Made:
    """A file for what is compiled now, written by one process."""

    def __init__(self, path):
        self.path = path
        self.output = None
        self.whole = True

    def add(self, source, compiled, path):
        rest = without_path(compiled, path)
        if rest is None or not self.whole:
            return
        path_at, code = rest
        try:
            if self.output is None:
                self.output = open(self.path, "wb")
            self.output.write(RECORD.pack(source, digest(source, path_at, code), path_at, len(code)) + code)
        except OSError:
            self.whole = False  # no room: the next build compiles again

    def close(self):
        if self.output is None:
            return
        try:
            self.output.close()
        except OSError:
            self.whole = False
        if not self.whole:
            os.unlink(self.path)


def put(target, content, mode):
    """Puts a .pyc in its place at once, as the import system does."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = "%s.%d" % (target, os.getpid())
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(file, "wb") as output:
            output.write(content)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def by_compiler(path):
    """Returns whether a source compiles, or is none: what is no file is left alone."""
    return bool(compileall.compile_file(path, quiet=2))


def mode_of(path):
    """The mode of what is there, of a link itself; 0: nothing is."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def compile_file(path, kept, made):
    """As `by_compiler`; what was compiled before is taken from `kept`, and what was not goes to `made`."""
    info = os.stat(path)
    # Reading a pipe or a device would not end.
    if not stat.S_ISREG(info.st_mode):
        return by_compiler(path)
    target = importlib.util.cache_from_source(path)
    header = stamp(info)
    there = mode_of(target)
    if stat.S_ISREG(there):
        with open(target, "rb") as file:
            if file.read(len(header)) == header:
                return True
    with open(path, "rb") as file:
        source = hashlib.sha256(file.read()).digest()
    code = kept.get(source, path)
    # What is no file in its place is the compiler's to judge.
    if code is not None and (there == 0 or stat.S_ISREG(there)):
        put(target, header + code, (info.st_mode | 0o200) & 0o666)
        return True
    whole = by_compiler(path)
    if whole and code is None and stat.S_ISREG(mode_of(target)):
        with open(target, "rb") as file:
            compiled = file.read()
        if compiled.startswith(header):
            made.add(source, compiled[len(header) :], path)
    return whole


def gather(pieces, final):
    """Makes one file of those of `pieces` that are there."""
    there = [piece for piece in pieces if os.path.exists(piece)]
    try:
        for piece in there[1:]:
            with open(piece, "rb") as source, open(there[0], "ab") as output:
                shutil.copyfileobj(source, output, 1 << 20)
            os.unlink(piece)
        if there:
            os.rename(there[0], final)
    except OSError:
        pass  # no room
