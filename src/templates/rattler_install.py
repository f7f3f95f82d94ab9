"""Creates a conda environment with py-rattler: solver, downloader and linker of the rattler project.

The files go into one directory and carry the path of another, where they will be mounted.

Reads one JSON request from the file given as the only argument and reports on standard output, one JSON object a
line: {"progress": {"phase", "done", "total", "name"}}, {"error": {"kind", "message"}}, {"done": {...}}.
"""

import asyncio
import hashlib
import json
import os
import sys
import urllib.parse
from pathlib import Path

import rattler
from rattler.exceptions import GatewayError, InvalidChannelError, InvalidMatchSpecError, SolverError


def report(**event):
    print(json.dumps(event), flush=True)


def refuse(kind, message):
    report(error={"kind": kind, "message": message})
    # The interpreter is left at once: rattler's threads sometimes crash a normal exit.
    os._exit(1)


class Reporter:
    """Counts packages as they are fetched and linked."""

    def __init__(self):
        self.names = {}
        self.fetched = self.linked = self.total = 0

    def on_transaction_start(self, total_operations):
        self.total = total_operations

    def on_populate_cache_start(self, operation, package_name):
        self.names[operation] = package_name
        return operation

    def on_populate_cache_complete(self, cache_entry):
        self.fetched += 1
        self.say("downloading", self.fetched, self.names.get(cache_entry, ""))

    def on_link_start(self, operation, package_name):
        self.names[operation] = package_name
        return operation

    def on_link_complete(self, index):
        self.linked += 1
        self.say("linking", self.linked, self.names.get(index, ""))

    def say(self, phase, done, name):
        report(progress={"phase": phase, "done": done, "total": self.total, "name": name})

    def __getattr__(self, name):
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *_args, **_keywords: 0


def explicit_record(package):
    """The record of one line of an explicit list; hashes are checked by the download."""
    record = rattler.PackageRecord(
        package["name"],
        package["version"],
        rattler.BuildString(package["build"]),
        package["buildNumber"],
        package["subdir"],
        sha256=bytes.fromhex(package["sha256"]) if package.get("sha256") else None,
        md5=bytes.fromhex(package["md5"]) if package.get("md5") else None,
    )
    url = package["url"]
    return rattler.RepoDataRecord(record, url.rsplit("/", 1)[1], url, url.rsplit("/", 2)[0])


def check_local_files(packages):
    """Packages given as file:// are checked here: rattler extracts those without looking at their hash."""
    for package in packages:
        url = urllib.parse.urlsplit(package["url"])
        if url.scheme != "file":
            continue
        path = Path(urllib.parse.unquote(url.path))
        if not path.is_file():
            refuse("missing", f"{path} does not exist")
        for algorithm in ("sha256", "md5"):
            expected = package.get(algorithm)
            if expected and hashlib.new(algorithm, path.read_bytes()).hexdigest() != expected:
                refuse("hash", f"{path} does not have the {algorithm} that the list gives")


def complete_records(prefix):
    """Gives the records of an explicit list what only the packages themselves know (their dependencies)."""
    for file in Path(prefix, "conda-meta").glob("*.json"):
        record = json.loads(file.read_text())
        index = Path(record.get("extracted_package_dir") or "/nonexistent", "info/index.json")
        if not index.is_file():
            continue
        known = json.loads(index.read_text())
        for key in ("depends", "constrains", "license", "license_family", "noarch", "timestamp"):
            if key in known:
                record[key] = known[key]
        file.write_text(json.dumps(record, indent=2))


def write_link_scripts(records, request):
    """Names the packages that brought a post-link script, in the order in which they depend on each other."""
    with open(request["linkScripts"], "w", encoding="utf-8") as file:
        for record in rattler.PackageRecord.sort_topologically(records):
            name = record.name.normalized
            if Path(request["tree"], "bin", f".{name}-post-link.sh").is_file():
                file.write(f"{name}\t{record.version}\t{record.build_number}\n")


async def main(request):
    client = rattler.Client.default_client()
    cache = Path(request["cache"])
    if request["packages"] is not None:
        check_local_files(request["packages"])
        records = [explicit_record(package) for package in request["packages"]]
    else:
        report(progress={"phase": "solving", "done": 0, "total": 0, "name": ""})
        try:
            records = await rattler.solve(
                sources=[rattler.Channel(channel) for channel in request["channels"]],
                specs=[rattler.MatchSpec(spec) for spec in request["specs"]],
                platforms=[request["platform"], "noarch"],
                gateway=rattler.Gateway(cache_dir=cache / "repodata", client=client),
                virtual_packages=rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env()),
            )
        except SolverError as error:
            refuse("solve", str(error))
        except GatewayError as error:
            refuse("channel", str(error))
        except InvalidChannelError as error:
            refuse("channel", str(error))
        except InvalidMatchSpecError as error:
            refuse("spec", str(error))
    report(solved=len(records))
    try:
        await rattler.install(
            records,
            target_prefix=request["tree"],
            alternative_target_prefix=request["prefix"],
            cache_dir=cache / "pkgs",
            # They run afterwards, inside the base, where the prefix is.
            execute_link_scripts=False,
            show_progress=False,
            client=client,
            reporter=Reporter(),
            # This version of the wheel wants the inner objects here.
            requested_specs=[rattler.MatchSpec(spec)._match_spec for spec in request["specs"]],
        )
    except Exception as error:  # noqa: BLE001 - rattler raises its own kinds for network, hash and link errors
        refuse("install", str(error))
    if request["packages"] is not None:
        complete_records(request["tree"])
    write_link_scripts(records, request)
    variables = request["variables"]
    if variables:
        # The same place and form as conda's own: `conda env config vars list` shows them.
        state = Path(request["tree"], "conda-meta", "state")
        state.write_text(json.dumps({"version": 1, "env_vars": variables}))
    report(done={"packages": len(records)})


if __name__ == "__main__":
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            asyncio.run(main(json.load(file)))
    except Exception as error:  # noqa: BLE001 - everything unexpected is reported as one line, too
        refuse("unexpected", f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    os._exit(0)
