"""Writes conda packages: a tree of files and what conda wants to know of it, as .conda or .tar.bz2."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import platform
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import zstandard

Format = Literal["conda", "tar.bz2"]

# As conda-build makes it: long enough that every real prefix fits where a program holds it in binary form.
PLACEHOLDER = "/opt/local-channel/" + ("placehold_" * 30)[: 255 - len("/opt/local-channel/")]

# Files written here get one time: the .pyc made of them hold it, and must agree wherever the package goes.
TIMESTAMP = 1_700_000_000

SUBDIRS = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}


def machine_subdir() -> str:
    """The conda name of this machine's platform."""
    return SUBDIRS[platform.machine()]


@dataclasses.dataclass
class CondaPackage:
    """A package: its tree, relative to the prefix, is under `root`."""

    name: str
    version: str
    root: Path
    depends: list[str] = dataclasses.field(default_factory=list)
    build: str = "0"
    noarch: Literal["python", "generic"] | None = None
    # Console scripts ("name = module:function"), which whoever installs a noarch python package writes.
    entry_points: list[str] = dataclasses.field(default_factory=list)
    format: Format = "conda"

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else machine_subdir()

    @property
    def file_stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    def write(self, channel: Path) -> Path:
        """Writes the package into its place in a channel and returns that file."""
        entries = sorted(self._entries())
        info = self._info(entries)
        folder = channel / self.subdir
        folder.mkdir(parents=True, exist_ok=True)
        if self.format == "tar.bz2":
            return self._write_tar_bz2(folder / f"{self.file_stem}.tar.bz2", info, entries)
        return self._write_conda(folder / f"{self.file_stem}.conda", info, entries)

    def _entries(self) -> list[str]:
        entries = []
        for directory, directories, files in os.walk(self.root):
            links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
            entries += [os.path.relpath(os.path.join(directory, name), self.root) for name in files + links]
        return entries

    def _info(self, entries: list[str]) -> dict[str, bytes]:
        index: dict[str, object] = {
            "arch": None if self.noarch else platform.machine(),
            "build": self.build,
            "build_number": 0,
            "depends": self.depends,
            "name": self.name,
            "platform": None if self.noarch else "linux",
            "subdir": self.subdir,
            "timestamp": TIMESTAMP * 1000,
            "version": self.version,
        }
        if self.noarch:
            index["noarch"] = self.noarch
        paths = {"paths": [self._path_entry(entry) for entry in entries], "paths_version": 1}
        info = {
            "info/index.json": _json(index),
            "info/paths.json": _json(paths),
            "info/files": "".join(f"{entry}\n" for entry in entries).encode(),
            "info/about.json": _json({"summary": f"{self.name} for tests"}),
        }
        if self.noarch:
            link: dict[str, object] = {"type": self.noarch}
            if self.noarch == "python":
                link["entry_points"] = self.entry_points
            info["info/link.json"] = _json({"noarch": link, "package_metadata_version": 1})
        return info

    def _path_entry(self, entry: str) -> dict[str, object]:
        path = self.root / entry
        if path.is_symlink():
            content = path.read_bytes() if path.is_file() else b""
            return {
                "_path": entry,
                "path_type": "softlink",
                "sha256": hashlib.sha256(content).hexdigest(),
                "size_in_bytes": len(content),
            }
        content = path.read_bytes()
        result: dict[str, object] = {
            "_path": entry,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        if PLACEHOLDER.encode() in content:
            result["prefix_placeholder"] = PLACEHOLDER
            result["file_mode"] = "binary" if b"\0" in content else "text"
        return result

    def _write_tar_bz2(self, target: Path, info: dict[str, bytes], entries: list[str]) -> Path:
        with tarfile.open(target, "w:bz2", compresslevel=5) as archive:
            _add_info(archive, info)
            self._add_entries(archive, entries)
        return target

    def _write_conda(self, target: Path, info: dict[str, bytes], entries: list[str]) -> Path:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            # Dates in a zip start in 1980; ZipInfo's own default is that.
            archive.writestr(zipfile.ZipInfo("metadata.json"), _json({"conda_pkg_format_version": 2}))
            for part in ("pkg", "info"):
                compressor = zstandard.ZstdCompressor(level=6, threads=-1)
                with (
                    archive.open(zipfile.ZipInfo(f"{part}-{self.file_stem}.tar.zst"), "w", force_zip64=True) as member,
                    compressor.stream_writer(member, closefd=False) as stream,
                    tarfile.open(fileobj=stream, mode="w|") as inner,
                ):
                    if part == "info":
                        _add_info(inner, info)
                    else:
                        self._add_entries(inner, entries)
        return target

    def _add_entries(self, archive: tarfile.TarFile, entries: list[str]) -> None:
        for entry in entries:
            path = self.root / entry
            item = archive.gettarinfo(path, arcname=entry)
            item.uid = item.gid = 0
            item.uname = item.gname = "root"
            # A hard link in the tree is an ordinary file in a package.
            if item.islnk():
                item.type = tarfile.REGTYPE
                item.size = path.stat().st_size
            item.mtime = int(item.mtime)
            if item.isreg():
                with path.open("rb") as file:
                    archive.addfile(item, file)
            else:
                archive.addfile(item)


def write_file(root: Path, name: str, content: str | bytes, mode: int = 0o644) -> None:
    """Writes one file of our own into a package's tree, with the time that all of ours have."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    os.utime(path, (TIMESTAMP, TIMESTAMP))


def is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _add_info(archive: tarfile.TarFile, info: dict[str, bytes]) -> None:
    for name, content in info.items():
        item = tarfile.TarInfo(name)
        item.size = len(content)
        item.mtime = TIMESTAMP
        archive.addfile(item, io.BytesIO(content))
