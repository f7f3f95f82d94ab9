/** Servers of packages that break off, lie, are slow, busy, somewhere else, not trusted, or die; and caches that are damaged. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  emptyCache,
  killBuilds,
  newPlace,
  type Place,
  put,
  type Running,
  start,
  until,
} from "../support/builds.ts";
import { type ChannelServer, serveChannel } from "../support/channel-server.ts";
import { ordinary, remove, scratch } from "../support/real.ts";
import { chosen, SEED, seeded } from "./record.ts";
import { NOTHING, type Scenario } from "./scenarios.ts";
import { beginAgain, expectSound } from "./sound.ts";

type Installer = "rattler" | "pip" | "uv";
const INSTALLERS = ["rattler", "pip", "uv"] as const;

let place: Place | undefined;
let running: Running | undefined;
let index = "";
const servers: ChannelServer[] = [];
afterEach(async () => {
  if (place) killBuilds(place);
  await running?.ended;
  for (const server of servers.splice(0)) await server.stop();
  place?.[Symbol.dispose]();
  if (index !== "") remove(index);
  [place, running, index] = [undefined, undefined, ""];
});

/** An index with one package, beside the place: what serves it is no process of a build. */
function makeIndex(user: Place["user"]): string {
  const made = scratch(user);
  const wheels = join(made, "simple", "kapseli-moo");
  mkdirSync(wheels, { recursive: true });
  execFileSync("python3", ["-c", WHEEL, join(wheels, "kapseli_moo-1.0-py3-none-any.whl")]);
  return made;
}

/** A wheel of some kilobytes that no compression makes smaller. */
const WHEEL = `
import base64, hashlib, random, sys, zipfile
data = base64.b64encode(random.Random(1).randbytes(60000)).decode()
files = {
    "kapseli_moo.py": f"DATA = {data!r}\\nprint('moo')\\n",
    "kapseli_moo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: kapseli-moo\\nVersion: 1.0\\n",
    "kapseli_moo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: kapseli\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
record = "kapseli_moo-1.0.dist-info/RECORD"
def listed(name, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(text)}\\n"
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
    wheel.writestr(record, "".join(listed(*file) for file in files.items()) + f"{record},,\\n")
`;

/** A build whose packages come from a server. */
function scenarioOf(place: Place, installer: Installer, url: string): Scenario {
  const prefix = join(place.directory, "env");
  const isConda = installer === "rattler";
  if (isConda) {
    put(place, "env.yml", `channels: [${url}, nodefaults]\ndependencies: [kapseli-versions=1.0]\n`);
  } else put(place, "one.txt", `--index-url ${url}/simple\nkapseli-moo==1.0\n`);
  const argv = isConda
    ? (["conda-containerize", "new", "--json", "--engine", "rattler", "--prefix", "env", "env.yml"] as const)
    : ([
        "pip-containerize",
        "new",
        "--json",
        ...(installer === "uv" ? ["--uv"] : []),
        "--prefix",
        "env",
        "one.txt",
      ] as const);
  const program = isConda ? "kapseli-versions" : "python3";
  return {
    name: `new ${installer}`,
    prefix,
    argv: [...argv],
    before: NOTHING,
    after: isConda ? "1.0" : "moo",
    ask: () => {
      if (!existsSync(join(prefix, "bin"))) return NOTHING;
      return execAs(place, [join(prefix, "bin", program), ...(isConda ? [] : ["-c", "import kapseli_moo"])]);
    },
    restore: () => remove(prefix),
  };
}

function execAs(place: Place, argv: [string, ...string[]]): string {
  const [file, ...args] = argv;
  const { uid, gid } = place.user;
  return execFileSync(file, args, { encoding: "utf8", uid, gid, cwd: place.directory }).trim();
}

/** A new place with nothing of earlier downloads, and an index. */
function begin(): Place {
  const made = newPlace(ordinary());
  place = made;
  index = makeIndex(made.user);
  const environment = {
    ...made.environment,
    ...emptyCache(made, "cache"),
    PIP_INDEX_URL: "",
    PIP_NO_CACHE_DIR: "1",
    UV_CACHE_DIR: put(made, "uv-cache"),
    UV_INDEX_URL: "",
    PIP_FIND_LINKS: "",
  };
  return { ...made, environment };
}

async function served(installer: Installer, faults: readonly string[]): Promise<ChannelServer> {
  const directory = installer === "rattler" ? {} : { directory: index };
  const server = await serveChannel({ faults, ...directory });
  servers.push(server);
  return server;
}

const random = seeded(SEED);
const bytes = (most: number): number => 1 + Math.floor(random() * most);
const LISTS: Readonly<Record<Installer, string>> = {
  rattler: "*/repodata.json*",
  pip: "*/kapseli-moo/",
  uv: "*/kapseli-moo/",
};
const PACKAGES: Readonly<Record<Installer, string>> = {
  rattler: "*/kapseli-versions*",
  pip: "*.whl",
  uv: "*.whl",
};

/** Before 25.1 pip does not ask again for a package that breaks off; a venv has the pip that Python brings. */
function pipResumes(): boolean {
  const { uid, gid } = ordinary();
  const argv = ["-c", "import ensurepip; print(ensurepip.version())"];
  const version = execFileSync("/usr/bin/python3", argv, { encoding: "utf8", uid, gid });
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 25 || (major === 25 && minor >= 1);
}

/** Whether an installer gets over a fault by itself: what only takes time, and what it asks for again. */
function isOvercome(installer: Installer, fault: string): boolean {
  if (/^(?:redirect|slow|delay)|^status:(?:429|503)\*1$/.test(fault)) return true;
  if (!/^(?:truncate|reset):\d+\*1$/.test(fault)) return false;
  return installer !== "pip" || pipResumes();
}

/** Packages whose end is changed, which not everybody looks at. */
const ISNT_SEEN = /^(?:pip|uv) corrupt$/;

/** What a build says of the faults that it cannot get over: that it is the server, or what came from there. */
const SAYS = {
  "the list": {
    rattler: /a channel could not be read|sent nothing any more/,
    pip: /could not be reached|may have refused to answer/,
    uv: /index could not be reached|found no version/,
  },
  "the package": {
    rattler: /could not be downloaded or linked|does not have the hash|sent nothing any more/,
    pip: /damaged or incomplete|could not be reached|refuse|pip failed/,
    uv: /damaged or incomplete|could not be reached/,
  },
} as const;

/** So long servers may be silent, in seconds; each installer has a variable for it. */
const SILENCE = { CONDA_REMOTE_READ_TIMEOUT_SECS: "4", PIP_DEFAULT_TIMEOUT: "4", UV_HTTP_TIMEOUT: "4" };

/** What happens to the list of packages, or to a package; with `*1` only once. */
const FAULTS: readonly ["the list" | "the package", () => string][] = [
  ["the list", () => "stall:10"],
  ["the list", () => "status:404"],
  ["the list", () => "status:429*1"],
  ["the list", () => "status:429"],
  ["the list", () => "status:503*1"],
  ["the list", () => "status:503"],
  ["the list", () => "redirect"],
  ["the package", () => `truncate:${bytes(600)}`],
  ["the package", () => `truncate:${bytes(600)}*1`],
  ["the package", () => `short:${bytes(600)}`],
  ["the package", () => `reset:${bytes(600)}`],
  ["the package", () => `reset:${bytes(600)}*1`],
  ["the package", () => `stall:${bytes(600)}`],
  ["the package", () => "corrupt"],
  ["the package", () => "slow:20000"],
  ["the package", () => "delay:3"],
  ["the package", () => "status:404"],
  ["the package", () => "status:429*1"],
  ["the package", () => "status:503*1"],
  ["the package", () => "status:503"],
  ["the package", () => "redirect"],
];
const CASES = chosen(
  INSTALLERS.flatMap((installer) =>
    FAULTS.map(([what, fault]) => ({ installer, what, fault: fault(), pattern: "" })),
  ).map((one) => ({
    ...one,
    pattern: one.what === "the list" ? LISTS[one.installer] : PACKAGES[one.installer],
  })),
  6,
);

interface Break {
  /** For the table. */
  what: string;
  heal: () => void;
  env?: Record<string, string>;
  /** What the failed build must say. */
  says: RegExp;
  /** The server with the fault: without a request to it there was none. */
  met: ChannelServer;
}

/** Runs it against a server with the fault, then again without. */
async function broken(scenario: Scenario, place: Place, fault: Break): Promise<number | string> {
  const before = beginAgain(scenario);
  running = start(place, scenario.argv, fault.env ?? {});
  const ended = await running.ended;
  const log = running.output();
  // Nothing is noted in the table of a fault that nobody met.
  expect(fault.met.requests(), log).not.toEqual([]);
  fault.heal();
  expectSound(place, scenario, { what: fault.what, ended, log, before, codes: [5], says: fault.says });
  return ended;
}

describe("a server of packages", () => {
  it.for(CASES)("$installer: $what meets $fault", async ({ installer, what, fault, pattern }) => {
    const fresh = begin();
    const isRedirect = fault === "redirect";
    const other = isRedirect ? await served(installer, []) : undefined;
    const full = other ? `redirect:${other.address.split(":")[1]}` : fault;
    const server = await served(installer, [`${pattern}=${full}`]);
    const scenario = scenarioOf(fresh, installer, server.url);
    const ended = await broken(scenario, fresh, {
      what: `${what}: ${fault.replace(/:\d+/, ":N")}`,
      heal: server.heal,
      env: fault.startsWith("stall") ? SILENCE : {},
      says: SAYS[what][installer],
      met: server,
    });
    if (isOvercome(installer, fault)) expect(ended, running?.output()).toBe(0);
    else if (ISNT_SEEN.test(`${installer} ${fault}`)) expect([0, 5]).toContain(ended);
    else expect(ended, running?.output()).toBe(5);
  });

  it.for(
    chosen(
      INSTALLERS.map((installer) => ({ installer })),
      1,
    ),
  )("$installer: dies while the package is sent", async ({ installer }) => {
    const fresh = begin();
    const dying = await served(installer, [`${PACKAGES[installer]}=stall:300`]);
    const scenario = scenarioOf(fresh, installer, dying.url);
    const before = beginAgain(scenario);
    running = start(fresh, scenario.argv);
    const wheel = installer === "rattler" ? "kapseli-versions" : ".whl";
    await until(
      "the request",
      () => dying.requests().some((line) => line.includes(wheel)) || running?.child.exitCode !== null,
      60,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    await servers.pop()?.stop();
    const ended = await running.ended;
    const log = running.output();
    const living = await served(installer, []);
    const again = scenarioOf(fresh, installer, living.url);
    expectSound(fresh, again, { what: "the server dies midway", ended, log, before, codes: [5] });
  });

  it.for(
    chosen(
      INSTALLERS.map((installer) => ({ installer })),
      1,
    ),
  )("$installer: has a certificate that nobody knows", async ({ installer }) => {
    const fresh = begin();
    const [certificate, key] = [join(index, "certificate.pem"), join(index, "key.pem")];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
        "-keyout",
        key,
        "-out",
        certificate,
      ],
      { stdio: "ignore" },
    );
    const directory = installer === "rattler" ? {} : { directory: index };
    const server = await serveChannel({ ...directory, tls: { certificate, key } });
    servers.push(server);
    const good = await served(installer, []);
    const scenario = scenarioOf(fresh, installer, server.url);
    const before = beginAgain(scenario);
    running = start(fresh, scenario.argv);
    const ended = await running.ended;
    const log = running.output();
    // What is broken off while it greets is no request: the words show that the server was met.
    expect(ended, log).toBe(5);
    scenarioOf(fresh, installer, good.url);
    const says = /certificate|TLS|SSL/i;
    expectSound(fresh, scenario, {
      what: "TLS: an unknown certificate",
      ended,
      log,
      before,
      codes: [5],
      says,
    });
  });

  it.for(
    chosen(
      INSTALLERS.map((installer) => ({ installer })),
      1,
    ),
  )("$installer: is behind a proxy that refuses", async ({ installer }) => {
    const fresh = begin();
    const proxy = await served(installer, ["*=status:403"]);
    const good = await served(installer, []);
    const scenario = scenarioOf(fresh, installer, "http://packages.kapseli.invalid");
    const variables = { HTTP_PROXY: proxy.url, http_proxy: proxy.url, NO_PROXY: "", no_proxy: "" };
    const ended = await broken(scenario, fresh, {
      what: "a proxy that answers 403",
      heal: () => void scenarioOf(fresh, installer, good.url),
      // pip asks nobody for an index at another host's http address, unless it is told to trust that.
      env: { ...variables, PIP_TRUSTED_HOST: "packages.kapseli.invalid" },
      says: /refuse|403|credentials/i,
      met: proxy,
    });
    expect(ended).toBe(5);
    expect(proxy.requests().join("\n")).toContain("http://packages.kapseli.invalid/");
  });
});

/** Files of a directory and below it, the largest first. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((one, other) => statSync(other).size - statSync(one).size);
}

/** What installers keep of the package. */
const CACHED: Readonly<Record<Installer, RegExp>> = {
  rattler: /\/pkgs\/kapseli-versions-[^/]*\/bin\//,
  uv: /\/uv-cache\/archive-v\d+\/[^/]*\/kapseli_moo\.py$/,
  pip: /\/pip-cache\/http/,
};

/** Changes some bytes of a file, or cuts it; an inode that is shared stays shared. */
async function damage(path: string, how: "changed" | "cut"): Promise<void> {
  const file = await open(path, "r+");
  const { size } = await file.stat();
  if (how === "cut") await file.truncate(Math.floor(size / 2));
  else await file.write(Buffer.from("#damaged"), 0, 8, Math.floor(size / 2));
  await file.close();
}

describe("a cache", () => {
  it.for(
    chosen(
      (["rattler", "uv", "pip"] as const).flatMap((installer) =>
        (["changed", "cut"] as const).map((how) => ({ installer, how })),
      ),
      2,
    ),
  )("$installer: has files that were $how", async ({ installer, how }) => {
    const fresh = begin();
    const server = await served(installer, []);
    const scenario = scenarioOf(fresh, installer, server.url);
    beginAgain(scenario);
    // pip keeps what comes over http only of hosts that it trusts.
    const env = {
      PIP_NO_CACHE_DIR: "",
      PIP_CACHE_DIR: put(fresh, "pip-cache"),
      PIP_TRUSTED_HOST: "127.0.0.1",
    };
    running = start(fresh, scenario.argv, env);
    expect(await running.ended, running.output()).toBe(0);
    const cached = filesBelow(fresh.directory).filter((path) => CACHED[installer].test(path));
    expect(cached).not.toEqual([]);
    for (const path of cached) await damage(path, how);
    const before = beginAgain(scenario);
    const asked = server.requests().length;
    running = start(fresh, scenario.argv, env);
    const ended = await running.ended;
    const log = running.output();
    expect(ended, log).toBe(0);
    expect(scenario.ask()).toBe(scenario.after);
    // What is cut, pip's cache itself sees.
    if (installer !== "pip" || how === "changed") expect(log).toMatch(/"event":"warning"[^\n]*damaged/);
    // It came again from the server.
    expect(server.requests().slice(asked).join("\n")).toMatch(
      installer === "rattler" ? /kapseli-versions/ : /\.whl/,
    );
    expectSound(fresh, scenario, {
      what: `files in the cache: ${how} (${cached.length})`,
      ended,
      log,
      before,
    });
  });
});
