"""Makes the conda package `python` of Debian's packages: the same interpreter, arranged as conda's is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from conda_package import PLACEHOLDER, CondaPackage, write_file

PYTHON = "3.11"
DEBIAN_PACKAGES = [
    f"python{PYTHON}-minimal",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    f"python{PYTHON}-venv",
]
# Those of sysconfig's variables that are below the prefix.
PREFIX_VARIABLES = (
    r"BINDIR|CONFINCLUDE\w+|DESTLIB|DESTSHARED|INCLUDE\w+|LIBDEST|LIBPL|MANDIR|SCRIPTDIR|datarootdir|prefix|exec_prefix"
)


def make_python_package(work: Path, cache: Path, bundled_wheels: list[Path]) -> CondaPackage:
    """The package's tree is made in `work`; the wheels are those that a venv gets from ensurepip."""
    unpacked, root = work / "debian", work / "python"
    debs = _download(cache)
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, unpacked], check=True)
    version = next(deb.name for deb in debs if deb.name.startswith(f"python{PYTHON}-minimal_")).split("_")[1].split("-")[0]

    library = root / "lib" / f"python{PYTHON}"
    shutil.copytree(unpacked / "usr/lib" / f"python{PYTHON}", library, symlinks=True)
    (root / "bin").mkdir()
    shutil.copy2(unpacked / "usr/bin" / f"python{PYTHON}", root / "bin")
    _look_in_site_packages(root / "bin" / f"python{PYTHON}")
    _undo_debian(library)
    _bundle(library / "ensurepip", bundled_wheels)
    _make_commands(root)
    _compile(root, library)
    return CondaPackage("python", version, root, build="debian_0")


def _download(cache: Path) -> list[Path]:
    """Debian's packages, from the machine's own apt sources; needs no root."""
    folder = cache / "debian-packages"
    folder.mkdir(parents=True, exist_ok=True)
    if not _downloaded(folder):
        command = ["apt-get", "-q", "download", *DEBIAN_PACKAGES]
        first = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if first.returncode != 0:
            # No package lists, or old ones: fetch private ones, which an ordinary user may.
            state = ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}/apt-cache"]
            for subfolder in ("lists/partial", "apt-cache/archives/partial"):
                (folder / subfolder).mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "-q", *state, "update"], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([command[0], *state, *command[1:]], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    debs = _downloaded(folder)
    if not debs:
        raise SystemExit(f"make-channel: python{PYTHON} is not in this machine's apt sources (Debian 12 has it)")
    return debs


def _downloaded(folder: Path) -> list[Path]:
    """One file for each package, or nothing where one is missing."""
    debs = [sorted(folder.glob(f"{name}_*.deb")) for name in DEBIAN_PACKAGES]
    return [files[-1] for files in debs] if all(debs) else []


def _undo_debian(library: Path) -> None:
    """Takes back what Debian changes so that pip and venv find site-packages under the prefix, as in conda's Python."""
    # The second breaks builds of source packages; the first forbids pip; the last is an absolute link into /etc.
    for name in ("EXTERNALLY-MANAGED", "_distutils_system_mod.py", "sitecustomize.py"):
        (library / name).unlink(missing_ok=True)
    write_file(library / "site-packages", "README.txt", "Packages that are installed later are put here.\n")
    schemes = (("{base}/local", "{base}"), ("{platbase}/local", "{platbase}"), ("dist-packages", "site-packages"))
    _edit(library / "sysconfig.py", *schemes)
    _edit(library / "site.py", ("local/lib", "lib"), ("dist-packages", "site-packages"))
    # These hold the prefix, as text that an installer replaces.
    data = next(path for path in library.glob("_sysconfigdata__*.py") if not path.is_symlink())
    text = re.sub(r"'WHEEL_PKG_DIR': '[^']*'", "'WHEEL_PKG_DIR': ''", data.read_text())
    text = re.sub(rf"^( '(?:{PREFIX_VARIABLES})': ')/usr(?=['/])", rf"\g<1>{PLACEHOLDER}", text, flags=re.M)
    text = re.sub(r"^( '(?:LIBDIR|BINLIBDEST|MACHDESTLIB)': ')/usr/lib/[\w-]+", rf"\g<1>{PLACEHOLDER}/lib", text, flags=re.M)
    write_file(library, data.name, text)


def _look_in_site_packages(python: Path) -> None:
    """Debian's `site` is frozen into the program and looks in dist-packages, a name of the same length."""
    content = python.read_bytes().replace(b"dist-packages", b"site-packages")
    write_file(python.parent, python.name, content, 0o755)


def _bundle(ensurepip: Path, wheels: list[Path]) -> None:
    """Gives ensurepip its wheels, which Debian keeps outside."""
    script = ensurepip / "__init__.py"
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        write_file(ensurepip / "_bundled", wheel.name, wheel.read_bytes())
        text = re.sub(rf'_{name.upper()}_VERSION = ".*"', f'_{name.upper()}_VERSION = "{version}"', script.read_text())
        write_file(ensurepip, script.name, text)
    _edit(script, ("    _ensurepip_is_disabled_in_debian_for_system()\n", ""))


def _make_commands(root: Path) -> None:
    for name in ("python3", "python"):
        (root / "bin" / name).symlink_to(f"python{PYTHON}")
    pydoc = f"#!{PLACEHOLDER}/bin/python{PYTHON}\nimport pydoc\n\nif __name__ == '__main__':\n    pydoc.cli()\n"
    write_file(root / "bin", f"pydoc{PYTHON}", pydoc, 0o755)
    for name in ("pydoc3", "pydoc"):
        (root / "bin" / name).symlink_to(f"pydoc{PYTHON}")


def _compile(root: Path, library: Path) -> None:
    """As conda's own Python: a read-only environment without .pyc would compile at every start."""
    byte_compile(root / "bin" / f"python{PYTHON}", root, library)
    # The installer changes this file, which makes a .pyc of it wrong.
    for cached in library.glob("__pycache__/_sysconfigdata__*.pyc"):
        cached.unlink()


def byte_compile(python: Path, root: Path, folder: Path) -> None:
    """Compiles a package's modules; the .pyc name their source by its path below the prefix."""
    subprocess.run(
        [python, "-I", "-m", "compileall", "-q", "-j", "0", "-s", root, folder],
        check=False,  # some packages hold files that are meant for other Pythons
        stdout=subprocess.DEVNULL,
    )


def _edit(path: Path, *replacements: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in replacements:
        if old not in text:
            raise SystemExit(f"make-channel: {path.name} is not as expected: no {old!r}")
        text = text.replace(old, new)
    write_file(path.parent, path.name, text)
