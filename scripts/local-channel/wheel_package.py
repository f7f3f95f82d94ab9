"""Makes conda packages of PyPI wheels."""

from __future__ import annotations

import configparser
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

from conda_package import PLACEHOLDER, CondaPackage, Format, write_file
from python_package import PYTHON, byte_compile

NEXT_PYTHON = "3.12"
ABI = "cp" + PYTHON.replace(".", "")


def download_wheel(cache: Path, name: str, version: str) -> Path:
    """The wheel of one exact version that runs on the channel's Python, from the machine's package index."""
    folder = cache / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
        command += ["--abi", ABI, "--abi", "abi3", "--abi", "none"]
        for tag in (f"manylinux_2_17_{platform.machine()}", f"manylinux2014_{platform.machine()}", "any"):
            command += ["--platform", tag]
        subprocess.run([*command, "--dest", folder, f"{name}=={version}"], check=True)
    return next(folder.glob(pattern))


def make_wheel_package(
    wheel: Path,
    work: Path,
    python: Path,
    depends: list[str],
    archive: Format = "conda",
) -> CondaPackage:
    """A pure wheel becomes a noarch package; any other one is laid out, byte-compiled and given its scripts here.

    `python` is the channel's interpreter in its unpacked tree.
    """
    name, version = wheel.name.split("-")[:2]
    pure = wheel.name.endswith("-none-any.whl")
    root = work / f"{name}-{version}"
    modules = root / ("site-packages" if pure else f"lib/python{PYTHON}/site-packages")
    with zipfile.ZipFile(wheel) as archive_file:
        if any(".data/" in entry for entry in archive_file.namelist()):
            raise SystemExit(f"make-channel: {wheel.name} has a .data folder, which is not laid out here")
        for item in archive_file.infolist():
            if not item.is_dir():
                mode = item.external_attr >> 16 & 0o777
                write_file(modules, item.filename, archive_file.read(item), mode or 0o644)
    metadata = next(modules.glob("*.dist-info"))
    write_file(metadata, "INSTALLER", "conda\n")
    record = (metadata / "RECORD").read_text().rstrip("\n")
    write_file(metadata, "RECORD", f"{record}\n{metadata.name}/INSTALLER,,\n")
    scripts = _console_scripts(metadata)
    if pure:
        return CondaPackage(name, version, root, [f"python >={PYTHON}", *depends], "pyhd_0", "python", scripts, archive)
    for script in scripts:
        command, function = (part.strip() for part in script.split("="))
        write_file(root / "bin", command, _script(function), 0o755)
    byte_compile(python, root, modules)
    build = "py" + PYTHON.replace(".", "") + "_0"
    return CondaPackage(name, version, root, [f"python >={PYTHON},<{NEXT_PYTHON}.0a0", *depends], build, format=archive)


def _console_scripts(metadata: Path) -> list[str]:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # command names keep their case
    parser.read(metadata / "entry_points.txt")
    return [f"{key} = {value}" for key, value in parser.items("console_scripts")] if parser.has_section("console_scripts") else []


def _script(function: str) -> str:
    module, attribute = function.split(":")
    return f"#!{PLACEHOLDER}/bin/python\nimport sys\nfrom {module} import {attribute}\n\nif __name__ == '__main__':\n    sys.exit({attribute}())\n"
