"""Makes a virtual environment on top of the environment whose Python runs this (python -I -c TEXT DIRECTORY LAUNCHER).

Its python is a link to LAUNCHER, so that it starts through the environment's container; the environment's packages
come after its own. Prints one JSON object for the caller.
"""
import importlib.util
import json
import os
import shlex
import site
import subprocess
import sys

directory, launcher = sys.argv[1:]
# Where this Python's packages are: of a venv those of the base as well where it was made so.
packages = [path for path in site.getsitepackages() if os.path.isdir(path)]

try:
    import venv
except ImportError:
    print(json.dumps({"error": "its Python has no venv module"}))
    sys.exit(0)
try:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(directory)
except Exception as error:
    print(json.dumps({"error": "its venv module failed: %s" % error}))
    sys.exit(0)

bin_directory = os.path.join(directory, "bin")
version = "%d.%d" % sys.version_info[:2]
for name in os.listdir(bin_directory):
    path = os.path.join(bin_directory, name)
    if os.path.islink(path):
        os.unlink(path)
python = os.path.join(bin_directory, "python")
os.symlink(launcher, python)
for name in ("python3", "python" + version):
    os.symlink("python", os.path.join(bin_directory, name))

own_packages = os.path.join(directory, "lib", "python" + version, "site-packages")
# Processed last, by its name, so that what is installed here wins. addsitedir: the .pth files there count too.
with open(os.path.join(own_packages, "zzz_kapseli.pth"), "w", encoding="utf-8") as pth:
    for path in packages:
        pth.write("import site; site.addsitedir(%s)\n" % ascii(path))

SCRIPT = """import sys
from pip._internal.cli.main import main
if __name__ == "__main__":
    sys.exit(main())
"""


def first_line():
    # As pip writes it where a #! line cannot carry the path (127 bytes; man 2 execve).
    if " " in python or len(os.fsencode(python)) > 125:
        return "#!/bin/sh\n'''exec' %s \"$0\" \"$@\"\n' '''\n" % shlex.quote(python)
    return "#!%s\n" % python


pip = "none"
mask = os.umask(0)
os.umask(mask)
if importlib.util.find_spec("pip") is not None:
    pip = "environment"
    for name in ("pip", "pip3", "pip" + version):
        path = os.path.join(bin_directory, name)
        with open(path, "w", encoding="utf-8") as script:
            script.write(first_line() + SCRIPT)
        os.chmod(path, 0o777 & ~mask)
elif importlib.util.find_spec("ensurepip") is not None:
    command = [python, "-Im", "ensurepip", "--default-pip"]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        pip = "own"

print(json.dumps({"pip": pip, "version": version, "packages": packages}))
