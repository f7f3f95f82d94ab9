"""Whether what rattler is to install fits, before anything of it is downloaded. Part of rattler_install.py."""

import os

from rattler_report import refuse, report

# Unpacked, packages take three to five times what they are to download: below this nothing helps.
LEAST_GROWTH = 2
# The image takes about so much of what is unpacked.
IMAGE_SHARE = 0.35
# The channels do not say how many files a package has. At least: directories, what describes it, its record.
LEAST_FILES = 5
# What a file has on average, in bytes to download: an estimate; big libraries have far more.
BYTES_A_FILE = 10_000


class Needs:
    """What file systems are to take, each looked at once however many of the directories are on it."""

    def __init__(self):
        self.devices = {}

    def _add(self, directory, size, least_files=0, files=0):
        while not directory.exists():
            directory = directory.parent
        device = self.devices.setdefault(directory.stat().st_dev, [directory, 0, 0, 0])
        device[1:] = device[1] + size, device[2] + least_files, device[3] + files

    def add_packages(self, directory, sizes):
        """Packages that are unpacked there; of each how many bytes it is to download."""
        self._add(directory, LEAST_GROWTH * sum(sizes), LEAST_FILES * len(sizes), sum(sizes) // BYTES_A_FILE)

    def add_image(self, directory, size):
        """The image of an environment that is so many bytes to download; the directory may be still to be made."""
        self._add(directory, IMAGE_SHARE * LEAST_GROWTH * size)

    def check(self, what):
        """Refuses what cannot fit by the least that it takes, and warns of what the estimate says."""
        for directory, size, least_files, files in self.devices.values():
            room = os.statvfs(directory)
            free = room.f_bavail * room.f_frsize
            if free < size:
                refuse("room", f"{what} need at least {size / 1e6:.0f} MB; {directory} has {free / 1e6:.0f} MB free")
            # File systems without a limit say 0 for both.
            if not room.f_files:
                continue
            left = f"{directory} can take {room.f_favail} more (inodes)"
            if room.f_favail < least_files:
                refuse("room", f"{what} need at least {least_files} files and directories; {left}")
            if room.f_favail < files:
                report(warning=f"{what} have about {files} files, by an estimate from their sizes; {left}")
