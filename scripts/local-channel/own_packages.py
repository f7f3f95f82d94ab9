"""Makes the packages that exist to be difficult: those in packages/, and those that only code can describe."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from conda_package import PLACEHOLDER, CondaPackage, is_executable, write_file

SOURCES = Path(__file__).resolve().parent / "packages"

# Names that a shell, a parser of options or a list of lines would take for something else.
HOSTILE_COMMANDS = [
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "-rf",
    "it's",
    'say "hi"',
    "semi;touch pwned",
    "star*",
    "back\\slash",
    "per%cent",
    "hash#",
    "{brace}",
    "~tilde",
    "smörgås",
    "launcher.sh",
]
NEWLINE_COMMANDS = ["new\nline", "trailing\n"]


def make_own_packages(work: Path) -> Iterator[CondaPackage]:
    for folder in sorted(path.parent for path in SOURCES.glob("*/package.json")):
        yield _from_folder(folder, work / folder.name)
    yield _commands("kapseli-hostile", HOSTILE_COMMANDS, work)
    yield _commands("kapseli-newline", NEWLINE_COMMANDS, work)
    yield _private_modes(work)
    for version in ("1.0", "2.0"):
        yield _version(version, work)
    for name, depends in {
        "kapseli-conflict": ["python <3"],
        "kapseli-unsatisfiable": ["kapseli-nowhere >=1"],
        "kapseli-cuda": ["__cuda >=11"],
        "kapseli-glibc": ["__glibc >=2.17"],
        "kapseli-glibc-future": ["__glibc >=9.0"],
    }.items():
        root = work / name
        write_file(root, f"share/{name}/installed", "yes\n")
        yield CondaPackage(name, "1.0", root, depends)


def _from_folder(source: Path, root: Path) -> CondaPackage:
    """packages/NAME/: package.json (version, depends, noarch, format), files/ with @PREFIX@ for the prefix, and program.c."""
    about = json.loads((source / "package.json").read_text())
    for path in sorted((source / "files").rglob("*")):
        if path.is_file():
            content = path.read_bytes().replace(b"@PREFIX@", PLACEHOLDER.encode())
            write_file(root, str(path.relative_to(source / "files")), content, 0o755 if is_executable(path) else 0o644)
    if (source / "program.c").exists():
        program = root / "bin" / source.name
        program.parent.mkdir(parents=True, exist_ok=True)
        _compile(source / "program.c", program)
        write_file(root, f"bin/{source.name}", program.read_bytes(), 0o755)
    return CondaPackage(source.name, root=root, **about)


def _compile(source: Path, program: Path) -> None:
    if not shutil.which("cc"):
        raise SystemExit("make-channel: a C compiler is needed for the full channel: scripts/host-setup.sh test-tools")
    subprocess.run(["cc", "-O2", f'-DPREFIX="{PLACEHOLDER}"', "-o", program, source], check=True)


def _commands(name: str, commands: list[str], work: Path) -> CondaPackage:
    root = work / name
    for command in commands:
        write_file(root, f"bin/{command}", '#!/bin/sh\nprintf \'%s\\n\' "ran: ${0##*/}" "$@"\n', 0o755)
    return CondaPackage(name, "1.0", root)


def _private_modes(work: Path) -> CondaPackage:
    """Files that only their owner may read or run, as some packages have them."""
    root = work / "kapseli-private-modes"
    write_file(root, "bin/kapseli-private-modes", "#!/bin/sh\necho private\n", 0o700)
    write_file(root, "share/kapseli-private-modes/data", "private\n", 0o600)
    return CondaPackage("kapseli-private-modes", "1.0", root)


def _version(version: str, work: Path) -> CondaPackage:
    """Two versions of one package, one in each format; the new one has lost a command and got another."""
    root = work / f"kapseli-versions-{version}"
    write_file(root, "bin/kapseli-versions", f"#!/bin/sh\necho {version}\n", 0o755)
    command = "kapseli-only-in-1" if version == "1.0" else "kapseli-only-in-2"
    write_file(root, f"bin/{command}", f"#!/bin/sh\necho {version}\n", 0o755)
    return CondaPackage("kapseli-versions", version, root, format="tar.bz2" if version == "1.0" else "conda")
