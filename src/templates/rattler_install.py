"""Creates or changes a conda environment with py-rattler: solver, downloader and linker of the rattler project.

The files go into one directory and carry the path of another, where they will be mounted.

Reads one JSON request from the file given as the only argument and reports on standard output (rattler_report.py); a
change of an environment that is there already also says what it did: {"changed": {"added": [...], "removed": [...]}}.
"""

import asyncio
import hashlib
import json
import os
import shutil
import sys
import time
import urllib.parse
from pathlib import Path

import rattler
from rattler.exceptions import GatewayError, InvalidChannelError, InvalidMatchSpecError, SolverError
from rattler.package_cache import PackageCache, ValidationMode

# Python was started apart from everybody's settings (-I), so also without the script's own directory.
sys.path.append(str(Path(__file__).parent))
from rattler_report import Reporter, Watchdog, refuse, report
from rattler_room import Needs


WATCHDOG = Watchdog()


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


def label(record):
    return f"{record.name.normalized} {record.version} {record.build}"


def write_link_scripts(records, request, known=(), kind="post-link"):
    """Names the new packages that brought such a script, in the order in which they depend on each other."""
    with open(request["linkScripts"], "w", encoding="utf-8") as file:
        for record in rattler.PackageRecord.sort_topologically(records):
            name = record.name.normalized
            if label(record) not in known and Path(request["tree"], "bin", f".{name}-{kind}.sh").is_file():
                file.write(f"{name}\t{record.version}\t{record.build_number}\n")


async def solve(request, client, specs, priorities=("strict",), **kept):
    """The solver's answer under the first priority of channels that has one."""
    report(progress={"phase": "solving", "done": 0, "total": 0, "name": ""})
    for priority in priorities:
        try:
            with WATCHDOG.waiting("the channels' lists of packages"):
                return await rattler.solve(
                    sources=[rattler.Channel(channel) for channel in request["channels"]],
                    specs=[rattler.MatchSpec(spec) for spec in specs],
                    platforms=[request["platform"], "noarch"],
                    gateway=rattler.Gateway(cache_dir=Path(request["cache"]) / "repodata", client=client),
                    virtual_packages=rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env()),
                    channel_priority=getattr(rattler.ChannelPriority, priority.capitalize()),
                    **kept,
                )
        except SolverError as error:
            if priority == priorities[-1]:
                refuse("solve", str(error))
        except GatewayError as error:
            refuse("channel", str(error))
        except InvalidChannelError as error:
            refuse("channel", str(error))
        except InvalidMatchSpecError as error:
            refuse("spec", str(error))
    return []


def package_cache(request):
    """Where packages are unpacked while they come, and stay."""
    return Path(request.get("packageCache") or Path(request["cache"]) / "pkgs")


def unpacked_directory(cache, record):
    return cache / record.file_name.removesuffix(".conda").removesuffix(".tar.bz2")


async def link(request, client, records, specs, **more):
    cache = package_cache(request)
    unpacked = {record.name.normalized: unpacked_directory(cache, record) for record in records}
    began = time.time()
    try:
        await rattler.install(
            records,
            target_prefix=request["tree"],
            alternative_target_prefix=request["prefix"],
            # Every file that is in the cache already is compared with the hash that its package gives it: a program
            # that a disk or a person changed there would be linked into every environment from now on.
            package_cache=PackageCache.new_layered([cache], validation_mode=ValidationMode.full()),
            # They run afterwards, inside the base, where the prefix is.
            execute_link_scripts=False,
            show_progress=False,
            client=client,
            reporter=Reporter(unpacked, WATCHDOG),
            # This version of the wheel wants the inner objects here.
            requested_specs=[rattler.MatchSpec(spec)._match_spec for spec in specs],
            **more,
        )
    except Exception as error:  # noqa: BLE001 - rattler raises its own kinds for network, hash and link errors
        forget_unpacked(unpacked.values(), began)
        refuse("install", str(error))


def forget_unpacked(directories, began):
    """
    Beside a package in its cache rattler keeps the sum that was wanted of it, also where what came has another: asked
    for the same once more, it would take an earlier package in that place for right.
    """
    for directory in directories:
        kept = Path(f"{directory}.lock")
        try:
            # Clocks of file systems tick in steps.
            if kept.stat().st_mtime < began - 1:
                continue
        except OSError:
            continue
        shutil.rmtree(directory, ignore_errors=True)
        kept.unlink(missing_ok=True)


def name_of(spec):
    """The name in a specification, in the form in which records have it."""
    try:
        name = rattler.MatchSpec(spec).name
    except InvalidMatchSpecError as error:
        refuse("spec", str(error))
    if name is None:
        refuse("spec", f"{spec} names no package")
    return str(getattr(name, "normalized", name))


def with_dependents(names, installed):
    """Names, and of everything that needs one of them."""
    gone = set(names)
    before = -1
    while len(gone) != before:
        before = len(gone)
        for name, record in installed.items():
            if any(name_of(needed) in gone for needed in record.depends):
                gone.add(name)
    return gone


async def change(request, client):
    """Installs into or removes from an environment that is there. What is installed stays as far as it can."""
    wanted = request["change"]
    files = sorted(Path(request["tree"], "conda-meta").glob("*.json"))
    installed = {record.name.normalized: record for record in map(rattler.PrefixRecord.from_path, files)}
    before = {label(record) for record in installed.values()}
    asked = {name: spec for name, record in installed.items() for spec in record.requested_specs}
    more = {}
    if wanted["remove"]:
        names = [name_of(spec) for spec in wanted["remove"]]
        missing = [name for name in names if name not in installed]
        if missing:
            refuse("not-installed", ", ".join(missing))
        gone = set(names) if wanted["noDeps"] else with_dependents(names, installed)
        records = [record for name, record in installed.items() if name not in gone]
        asked = {name: spec for name, spec in asked.items() if name not in gone}
    else:
        new = {name_of(spec): spec for spec in wanted["specs"]}
        for name in wanted["update"]:
            if name not in installed:
                refuse("not-installed", name)
            new[name] = name
        asked.update(new)
        free = installed if wanted["updateAll"] else new if wanted["update"] else {}
        # A name alone keeps what nobody asked for by name: dependencies, packages of an explicit list.
        specs = [*asked.values(), *(name for name in installed if name not in asked)]
        locked = [record for name, record in installed.items() if name not in free]
        kept = {"pinned_packages" if wanted["freeze"] else "locked_packages": locked}
        priorities = {"flexible": ("strict", "disabled")}.get(wanted["priority"], (wanted["priority"],))
        records = await solve(request, client, specs, priorities, **kept)
        if wanted["noDeps"]:
            records = [
                *(record for record in records if record.name.normalized in new),
                *(record for name, record in installed.items() if name not in new),
            ]
        if wanted["onlyDeps"]:
            records = [
                record for record in records if record.name.normalized not in new or label(record) in before
            ]
            asked = {name: spec for name, spec in asked.items() if name not in new or name in installed}
        if wanted["reinstall"]:
            more["reinstall_packages"] = set(new)
            before -= {label(record) for record in records if record.name.normalized in new}
    after = {label(record) for record in records}
    if wanted["unlinkScriptsOnly"]:
        write_link_scripts(list(installed.values()), request, after & before, "pre-unlink")
        return records
    check_room(request, records, [record for record in records if label(record) not in before])
    await link(request, client, records, asked.values(), **more)
    write_link_scripts(records, request, before)
    report(changed={"added": sorted(after - before), "removed": sorted(before - after)})
    return records


def check_room(request, records, new):
    """Refuses before anything is downloaded what cannot fit; the solver's answer says how large packages are.

    `records` is the whole environment, `new` what is linked into it now.
    """
    cache = package_cache(request)
    tree = Path(request["tree"])
    needs = Needs()
    # What is unpacked in the cache already is linked, where that is possible.
    missing = [record for record in new if not unpacked_directory(cache, record).is_dir()]

    cache.mkdir(parents=True, exist_ok=True)
    needs.add_packages(cache, [record.size or 0 for record in missing])
    if cache.stat().st_dev != tree.stat().st_dev:
        needs.add_packages(tree, [record.size or 0 for record in new])
    if request.get("published"):
        needs.add_image(Path(request["published"]), sum(record.size or 0 for record in records))
    needs.check(f"{len(new)} packages, {sum(record.size or 0 for record in missing) / 1e6:.0f} MB to download,")


async def create(request, client):
    if request["packages"] is not None:
        check_local_files(request["packages"])
        records = [explicit_record(package) for package in request["packages"]]
    else:
        records = await solve(request, client, request["specs"])
        check_room(request, records, records)
    report(solved=len(records))
    await link(request, client, records, request["specs"])
    if request["packages"] is not None:
        complete_records(request["tree"])
    write_link_scripts(records, request)
    variables = request["variables"]
    if variables:
        # The same place and form as conda's own: `conda env config vars list` shows them.
        state = Path(request["tree"], "conda-meta", "state")
        state.write_text(json.dumps({"version": 1, "env_vars": variables}))
    return records


async def main(request):
    WATCHDOG.start()
    client = rattler.Client.default_client()
    records = await (change if request.get("change") else create)(request, client)
    report(done={"packages": len(records)})


if __name__ == "__main__":
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            asyncio.run(main(json.load(file)))
    except Exception as error:  # noqa: BLE001 - everything unexpected is reported as one line, too
        refuse("unexpected", f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    os._exit(0)
