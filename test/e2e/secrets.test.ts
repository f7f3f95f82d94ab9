import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, emptyCache, newPlace, type Place, put, startBuild } from "../support/builds.ts";
import { type ChannelServer, serveChannel } from "../support/channel-server.ts";
import { ordinary } from "../support/real.ts";

/** Each is given in another way; none may be seen anywhere but where the user wrote it. */
const SECRETS = {
  requirements: "in-Requirements-1111",
  configuration: "in-Configuration-2222",
  netrc: "in-Netrc-3333",
  token: "in-Environment-4444",
} as const;

/** A directory that is a package index (PEP 503) with one small package. */
function packageIndex(place: Place, name: string): string {
  const script = `import hashlib, os, sys, zipfile
name = sys.argv[1]
wheel = f"{name}-1.0-py3-none-any.whl"
os.makedirs(f"index-{name}/simple/{name}")
with zipfile.ZipFile(f"index-{name}/simple/{name}/{wheel}", "w") as archive:
    archive.writestr(f"{name}.py", f"print('{name}')\\n")
    archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr(f"{name}-1.0.dist-info/RECORD", f"{name}.py,,\\n{name}-1.0.dist-info/METADATA,,\\n{name}-1.0.dist-info/WHEEL,,\\n{name}-1.0.dist-info/RECORD,,\\n")
digest = hashlib.sha256(open(f"index-{name}/simple/{name}/{wheel}", "rb").read()).hexdigest()
with open(f"index-{name}/simple/{name}/index.html", "w") as page:
    page.write(f'<a href="{wheel}#sha256={digest}">{wheel}</a>')
`;
  const made = call(place, ["python3", "-c", script, name]);
  expect(made.exitCode, made.stderr).toBe(0);
  return join(place.directory, `index-${name}`);
}

/** Looks at the words of all processes again and again; `stop` tells which showed a secret. */
function watchProcesses(): { stop: () => { seen: string[]; looked: number } } {
  const seen = new Set<string>();
  let looked = 0;
  const look = (): void => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      let words = "";
      try {
        words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        continue;
      }
      looked += 1;
      // The test's own servers are told their passwords by their words.
      if (words.includes("serve.py")) continue;
      for (const [name, secret] of Object.entries(SECRETS)) {
        if (words.includes(secret)) seen.add(`${name}: ${words.replaceAll("\0", " ").slice(0, 200)}`);
      }
    }
  };
  const timer = setInterval(look, 5);
  return {
    stop() {
      clearInterval(timer);
      return { seen: [...seen], looked };
    },
  };
}

/** The names of what holds a secret. */
function holding(texts: Record<string, string>): string[] {
  return Object.entries(texts).flatMap(([name, text]) =>
    Object.entries(SECRETS).flatMap(([which, secret]) =>
      text.includes(secret) ? [`${name}: ${which}`] : [],
    ),
  );
}

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe.each(["pip", "uv"])("secrets that %s is given", (installer) => {
  let place: Place;
  const servers: ChannelServer[] = [];
  let environment: Record<string, string>;
  const flags = installer === "uv" ? ["--uv"] : [];

  beforeAll(async () => {
    place = newPlace(ordinary());
    const serve = async (name: string, password: string): Promise<ChannelServer> => {
      const server = await serveChannel({
        directory: packageIndex(place, name),
        basicAuth: `reader:${password}`,
      });
      servers.push(server);
      return server;
    };
    const first = await serve("firstpackage", SECRETS.requirements);
    const second = await serve("secondpackage", SECRETS.configuration);
    const third = await serve("thirdpackage", SECRETS.netrc);
    const withPassword = `http://reader:${SECRETS.configuration}@${second.address}/simple`;
    // A netrc has no port: of the three servers on this host only one is asked without credentials in its address.
    put(place, "netrc", `machine 127.0.0.1\nlogin reader\npassword ${SECRETS.netrc}\n`, 0o600);
    put(
      place,
      "pip.conf",
      `[global]\nindex-url = ${withPassword}\nextra-index-url = ${third.url}/simple\n`,
      0o600,
    );
    put(
      place,
      "requirements.txt",
      `--extra-index-url http://reader:${SECRETS.requirements}@${first.address}/simple\nfirstpackage\nsecondpackage\nthirdpackage\n`,
      0o600,
    );
    put(
      place,
      "wrong.txt",
      `--extra-index-url http://reader:${SECRETS.requirements}@${first.address}/simple\nnosuchpackage\n`,
    );
    put(place, "post.sh", 'echo "the token is $MY_API_TOKEN, in an address https://x:$MY_API_TOKEN@host/"\n');
    environment = {
      CW_LOG_LEVEL: "3",
      MY_API_TOKEN: SECRETS.token,
      NETRC: join(place.directory, "netrc"),
      ...(installer === "pip"
        ? { PIP_CONFIG_FILE: join(place.directory, "pip.conf") }
        : {
            UV_DEFAULT_INDEX: withPassword,
            UV_INDEX: `${third.url}/simple`,
            UV_INDEX_STRATEGY: "unsafe-best-match",
          }),
    };
  });
  afterAll(async () => {
    for (const server of servers.splice(0)) await server.stop();
    place[Symbol.dispose]();
  });

  it("get what they open, and are seen in no process, output, log, record or image", async () => {
    const watch = watchProcesses();
    const running = startBuild(
      place,
      "pip-containerize",
      [...flags, "--prefix", "env", "--post-install", "post.sh", "--debug", "requirements.txt"],
      environment,
    );
    const ended = await running.ended;
    const { seen, looked } = watch.stop();
    expect(ended, running.output().slice(-3000)).toBe(0);
    expect(looked).toBeGreaterThan(1000);
    expect(seen).toEqual([]);
    expect(running.output()).toContain("the token is ***, in an address https://***@host/");

    const prefix = join(place.directory, "env");
    const python = join(prefix, "bin", "python3");
    expect(call(place, [python, "-c", "import firstpackage, secondpackage, thirdpackage"]).stdout).toBe(
      "firstpackage\nsecondpackage\nthirdpackage\n",
    );
    const files = filesBelow(prefix);
    const texts = Object.fromEntries(
      files.map((file) => [relative(prefix, file), readFileSync(file, "latin1")]),
    );
    // Inputs are kept as they were given: for their owner alone.
    const kept = Object.keys(texts).filter((name) => /generations\/1\/inputs\//.test(name));
    expect(kept.map((name) => [name, statSync(join(prefix, name)).mode & 0o777])).toEqual([
      ["generations/1/inputs/0/requirements.txt", 0o600],
    ]);
    for (const name of kept) delete texts[name];
    expect(Object.keys(texts).length).toBeGreaterThan(5);
    expect(holding({ output: running.output(), ...texts })).toEqual([]);
    const patterns = Object.values(SECRETS).flatMap((secret) => ["-e", secret]);
    const found = call(place, [
      join(prefix, "bin", "_debug_exec"),
      "grep",
      "-rl",
      ...patterns,
      join(prefix, "lib"),
      join(prefix, "bin"),
    ]);
    expect(found.stdout).toBe("");
    expect(found.exitCode).toBe(1);
  });

  // What both say passes through the same hands; uv is the quicker one.
  it.runIf(installer === "uv")("are in no error and no kept log when the installation fails", async () => {
    const watch = watchProcesses();
    const running = startBuild(
      place,
      "pip-containerize",
      [...flags, "--prefix", "failed", "wrong.txt"],
      environment,
    );
    expect(await running.ended, running.output()).toBe(5);
    expect(watch.stop().seen).toEqual([]);
    const logs = filesBelow(place.logs);
    expect(logs.length).toBeGreaterThan(0);
    const texts = Object.fromEntries(logs.map((file) => [file, readFileSync(file, "utf8")]));
    expect(holding({ output: running.output(), ...texts })).toEqual([]);
  });
});

describe("secrets that conda is given", () => {
  let place: Place;
  let server: ChannelServer;
  beforeAll(async () => {
    place = newPlace(ordinary());
    server = await serveChannel({ basicAuth: `reader:${SECRETS.configuration}` });
  });
  afterAll(async () => {
    await server?.stop();
    place[Symbol.dispose]();
  });

  it("in a channel's address and in variables are seen in no process and no log", async () => {
    const channel = `http://reader:${SECRETS.configuration}@${server.address}`;
    put(
      place,
      "env.yml",
      `channels: [${channel}, nodefaults]\ndependencies: [kapseli-versions=2.0]\nvariables: {OF_ENVIRONMENT: ${SECRETS.netrc}}\n`,
      0o600,
    );
    put(place, "post.sh", `conda install -y -c ${channel} kapseli-postlink && conda list\n`);
    const watch = watchProcesses();
    const running = startBuild(
      place,
      "conda-containerize",
      ["--engine", "rattler", "--prefix", "env", "--post-install", "post.sh", "--debug", "env.yml"],
      { CW_LOG_LEVEL: "3", ...emptyCache(place, "cache") },
    );
    const ended = await running.ended;
    const { seen } = watch.stop();
    expect(ended, running.output().slice(-3000)).toBe(0);
    // What the script itself calls by its words is the script's.
    expect(seen.filter((words) => !/conda install -y -c /.test(words))).toEqual([]);
    const generation = join(place.directory, "env", "generations", "1");
    const log = readFileSync(join(generation, "build.log"), "utf8");
    expect(holding({ output: running.output(), log })).toEqual([]);
    const env = join(place.directory, "env");
    const found = call(place, [join(env, "bin/_debug_exec"), "grep", "-rl", SECRETS.configuration, env]);
    expect([found.exitCode, found.stdout]).toEqual([1, ""]);
    // rattler remembers from which address an index is.
    const rattler = join(place.directory, "cache", "rattler");
    const isSecret = (path: string): boolean => readFileSync(path, "latin1").includes(SECRETS.configuration);
    const below = filesBelow(rattler).filter(isSecret);
    expect(below.filter((path) => !path.startsWith(join(rattler, "repodata/")))).toEqual([]);
    expect(statSync(join(rattler, "repodata")).mode & 0o077).toBe(0);
  });
});
