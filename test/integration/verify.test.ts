/** Damages of a prefix, what is said of each, and what mends it; the runtime is a stand-in (stubs/singularity.mjs). */
import { execFileSync } from "node:child_process";
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { repair } from "../../src/build/repair.ts";
import { verify } from "../../src/build/verify.ts";
import { hostFacts } from "../../src/host/facts.ts";
import { scratch } from "../support/programs.ts";
import { inputFile, runTool, type StubHost, stubHost, treeOf } from "../support/stub-host.ts";

const { signal } = new AbortController();

interface Damaged {
  host: StubHost;
  root: string;
  at: (path: string) => string;
}

/** Two generations of one environment, made once; each test damages a copy at the same place. */
let host: StubHost;
let saved = "";

async function makeSaved(): Promise<void> {
  host = await stubHost({ programs: ["micromamba"] }, await mkdtemp(join(tmpdir(), "kapseli-test-")));
  const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
  for (let generation = 1; generation <= 2; generation++) {
    const ran = await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, file]);
    expect(ran.exitCode, ran.stderr).toBe(0);
  }
  saved = join(host.directory, "saved");
  execFileSync("cp", ["-a", host.prefix, saved]);
}

async function damaged(): Promise<Damaged> {
  if (saved === "") await makeSaved();
  execFileSync("rm", ["-rf", host.prefix]);
  execFileSync("cp", ["-a", saved, host.prefix]);
  return { host, root: host.prefix, at: (path) => join(host.prefix, path) };
}

function requestOf({ host, root }: Damaged, run = false) {
  const facts = hostFacts(host.env, host.directory);
  const { environment, architecture } = facts;
  return { facts, prefix: root, hash: true, run, environment, architecture, signal };
}

const look = async (damage: Damaged, run = false) => (await verify(requestOf(damage, run))).report;

/** Repairs, with one answer to every question. */
async function mended(damage: Damaged, answer: boolean) {
  const questions: string[] = [];
  const rebuilt: number[] = [];
  const request = requestOf(damage);
  const first = await verify(request);
  const { done, declined } = await repair(
    {
      ...request,
      cacheDirectory: damage.host.env.KAPSELI_CACHE ?? "",
      now: new Date(),
      confirm: async (question) => {
        questions.push(question);
        return answer;
      },
      rebuild: async (_root, generation) => void rebuilt.push(generation),
    },
    first,
  );
  return {
    done,
    declined,
    questions,
    rebuilt,
    current: await readlink(damage.at("current")).catch(() => ""),
  };
}

afterAll(async () => {
  if (host) await rm(host.directory, { recursive: true, force: true });
});

describe("an environment as it was published", () => {
  it("has nothing to be said of, starts, and is not touched by looking", async () => {
    const whole = await damaged();
    const before = await treeOf(whole.root);
    const report = await look(whole, true);
    // The stand-in for Python cannot import anything, which is told as a warning.
    expect(report.findings.filter(({ check }) => check !== "imports")).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      started: true,
      hashed: true,
      generation: 2,
      generations: [2, 1],
    });
    expect(await treeOf(whole.root)).toEqual(before);
    expect(await mended(whole, false)).toMatchObject({ done: [], questions: [] });
  });
});

/** What happened, how, what is found (check, severity), and what repairing asks and does. */
const DAMAGES: [
  string,
  (at: (path: string) => string) => Promise<unknown>,
  string[],
  { asks?: RegExp; done: RegExp; current?: string },
][] = [
  [
    "a byte of the image flipped",
    async (at) => {
      const bytes = await readFile(at("current/env.sqfs"));
      bytes[200] = (bytes[200] ?? 0) ^ 1;
      await writeFile(at("current/env.sqfs"), bytes);
    },
    ["image error"],
    { asks: /Go back to generation 1/, done: /generation 1 .*is the current one/, current: "generations/1" },
  ],
  [
    "the image cut",
    (at) => truncate(at("current/env.sqfs"), 300),
    ["image error"],
    { asks: /Go back to generation 1/, done: /generation 1/, current: "generations/1" },
  ],
  [
    "the image gone",
    (at) => rm(at("current/env.sqfs")),
    ["image error"],
    { asks: /Go back to generation 1/, done: /generation 1/, current: "generations/1" },
  ],
  [
    "the image longer",
    (at) => appendFile(at("current/env.sqfs"), "x"),
    ["image error"],
    { asks: /Go back/, done: /generation 1/, current: "generations/1" },
  ],
  [
    "launcher.sh gone",
    (at) => rm(at("current/launcher.sh")),
    ["launcher error"],
    { done: /launcher\.sh from the manifest/ },
  ],
  [
    "launcher.sh changed",
    (at) => appendFile(at("current/launcher.sh"), "true\n"),
    ["launcher error"],
    { done: /launcher\.sh from the manifest/ },
  ],
  [
    "the manifest cut",
    (at) => truncate(at("current/manifest.json"), 50),
    ["manifest error"],
    { done: /manifest\.json from its copy/ },
  ],
  [
    "the copy of the manifest cut",
    (at) => truncate(at("current/share/manifest.json"), 50),
    ["records warning"],
    { done: /the copy of .*manifest\.json/ },
  ],
  [
    "current leading nowhere",
    async (at) => {
      await rm(at("current"));
      await symlink("generations/9", at("current"));
    },
    ["current error"],
    { done: /generation 2 .*is the current one/ },
  ],
  ["current gone", (at) => rm(at("current")), ["current error"], { done: /generation 2/ }],
  ["a command gone", (at) => rm(at("bin/hello")), ["commands error"], { done: /the launchers in/ }],
  [
    "every command emptied",
    (at) => truncate(at("bin/hello"), 0),
    ["commands error"],
    { done: /the launchers in/ },
  ],
  [
    "no command executable",
    (at) => chmod(at("bin/hello"), 0o644),
    ["commands error"],
    { done: /the launchers in/ },
  ],
  [
    "the base's directory gone",
    (at) => rm(at("current/root"), { recursive: true }),
    ["base error"],
    { done: /root from this host's directories/ },
  ],
  [
    "another generation's manifest",
    async (at) => writeFile(at("current/manifest.json"), await readFile(at("generations/1/manifest.json"))),
    ["manifest error"],
    { done: /manifest\.json from its copy/ },
  ],
  [
    "another generation's copy of the manifest",
    async (at) =>
      writeFile(at("current/share/manifest.json"), await readFile(at("generations/1/manifest.json"))),
    ["records warning"],
    { done: /the copy of .*manifest\.json/ },
  ],
  [
    "the records purged",
    async (at) => {
      for (const name of ["conf.yaml", "VERSION.yml", "previous_input"])
        await rm(at(`current/share/${name}`));
    },
    ["records warning"],
    { done: /conf\.yaml from the manifest/ },
  ],
];

describe.each(DAMAGES)("with %s", (_what, damage, found, { asks, done, current = "generations/2" }) => {
  it("it is said, with what mends it, and mended when that is wanted", async () => {
    const one = await damaged();
    await damage(one.at);
    const before = await look(one);
    expect(before.findings.map(({ check, severity }) => `${check} ${severity}`)).toEqual(found);
    expect(before.ok).toBe(!found.some((text) => text.endsWith("error")));
    for (const { mend } of before.findings) expect(mend).toContain(`kapseli verify --repair ${one.root}`);

    if (asks) {
      const tree = await treeOf(one.root, [".kapseli.lock"]);
      const refused = await mended(one, false);
      expect(refused).toMatchObject({ done: [], declined: true, rebuilt: [] });
      expect(await treeOf(one.root, [".kapseli.lock"])).toEqual(tree);
    }
    const result = await mended(one, true);
    expect(result.questions).toEqual(asks ? [expect.stringMatching(asks)] : []);
    expect(result.done.join("\n")).toMatch(done);
    expect(result.current).toBe(current);
    const after = await look(one);
    expect(after.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(await readdir(one.root)).not.toContain(".kapseli.lock");
    expect((await stat(one.at("bin/hello"))).mode & 0o111).toBe(0o111);
  });
});

describe("what cannot be mended from what is there", () => {
  it("is built again from the lock, when that is wanted", async () => {
    const one = await damaged();
    await rm(one.at("generations/1"), { recursive: true });
    await rm(one.at("generations/2/env.sqfs"));
    expect(await mended(one, false)).toMatchObject({ rebuilt: [], declined: true });
    const { questions, rebuilt } = await mended(one, true);
    expect(questions).toEqual([expect.stringMatching(/Build the packages of generation 2 again/)]);
    expect(rebuilt).toEqual([2]);
  });

  it("is left, where something else is in the place of a command", async () => {
    const one = await damaged();
    await rm(one.at("bin/hello"));
    await writeFile(one.at("bin/hello"), "#!/bin/sh\necho mine\n", { mode: 0o644 });
    const report = await look(one);
    expect(report.findings).toEqual([
      expect.objectContaining({ check: "commands", mend: expect.stringMatching(/^move it away/) }),
    ]);
    await expect(mended(one, true)).rejects.toMatchObject({
      code: 4,
      message: expect.stringMatching(/in the way/),
    });
    expect(await readFile(one.at("bin/hello"), "utf8")).toContain("mine");
    expect((await stat(one.at("bin/hello"))).mode & 0o111).toBe(0);
  });
});

describe("what is said to be done about an environment that is lost", () => {
  const lost = async (damage: (one: Damaged) => Promise<unknown>) => {
    const one = await damaged();
    await rm(one.at("generations/1"), { recursive: true });
    await damage(one);
    const seen = await runTool(host, "kapseli", ["verify", one.root]);
    const tried = await runTool(host, "kapseli", ["verify", "--repair", "--yes", one.root]);
    expect([seen.exitCode, tried.exitCode]).toEqual([7, 7]);
    return { root: one.root, seen: seen.stdout, tried: tried.stdout };
  };

  it("is to build it again or to remove it, where no generation is left", async () => {
    const { root, seen, tried } = await lost((one) => rm(one.at("generations/2"), { recursive: true }));
    for (const said of [seen, tried]) {
      expect(said).toContain("leads to generation 2, which is gone");
      expect(said).toContain(
        `build it again: conda-containerize new (or pip-containerize new) --prefix ${root} `,
      );
      expect(said).toContain(`or kapseli remove ${root}\n`);
      expect(said).not.toContain("--repair");
    }
    const file = await inputFile(host, "again.yml", "dependencies: [hello]\n");
    const again = await runTool(host, "conda-containerize", ["new", "--prefix", root, file]);
    expect(again.exitCode, again.stderr).toBe(0);
    expect((await runTool(host, "kapseli", ["verify", "--quick", root])).exitCode).toBe(0);
  });

  it("is the same where the one that is left can neither start nor be built again", async () => {
    const { root, seen } = await lost(async (one) => {
      await truncate(one.at("generations/2/env.sqfs"), 300);
      await rm(one.at("generations/2/environment.lock"));
    });
    expect(seen).toContain(
      `nothing is left to mend it from; build it again: conda-containerize new --prefix ${root} `,
    );
    // What a launch does not need, it still has.
    const image = seen.slice(seen.indexOf("the image"), seen.indexOf("\n", seen.indexOf("What to do")));
    expect(image).not.toMatch(/--repair|rollback|rebuild/);
  });

  it("is no rollback, where there is nothing to go back to, and no repair that has failed", async () => {
    const one = await damaged();
    await truncate(one.at("generations/2/env.sqfs"), 300);
    const [both] = (await look(one)).findings;
    expect(both?.mend).toMatch(/--repair \S+; or by hand: kapseli rollback .*kapseli rebuild /);
    await truncate(one.at("generations/1/env.sqfs"), 300);
    const [second] = (await look(one)).findings.filter(({ generation }) => generation === 2);
    expect(second?.mend).toMatch(
      /--repair \S+; or by hand: kapseli rebuild \S+ \(the same packages again\)$/,
    );
    const [after] = (await verify({ ...requestOf(one), tried: true })).report.findings;
    expect(after?.mend).toMatch(
      /^kapseli rebuild .*; or build it again: conda-containerize new .* kapseli remove /,
    );
  });
});

describe("an environment that was moved", () => {
  it("is told with the command that makes it one of its new place, also by a repair that goes back to such a one", async () => {
    const one = await damaged();
    const moved = join(host.directory, "elsewhere");
    await rm(moved, { recursive: true, force: true });
    await rename(one.root, moved);
    const there: Damaged = { host, root: moved, at: (path) => join(moved, path) };
    const report = await look(there);
    expect(report).toMatchObject({
      ok: true,
      findings: [
        { check: "moved", severity: "warning", mend: expect.stringContaining(`kapseli relocate ${moved}`) },
      ],
    });
    const ran = await runTool(host, "kapseli", ["verify", "--quick", moved]);
    expect(ran.exitCode, ran.stdout).toBe(0);
    expect(ran.stdout).toContain(`the environment was built for ${one.root} and is in ${moved} now`);
    expect(ran.stdout).not.toContain("as it was published");

    await truncate(there.at("current/env.sqfs"), 300);
    const [cut] = (await look(there)).findings;
    // kapseli rollback does not go back to what was built for another place.
    expect(cut?.mend).not.toContain("kapseli rollback");
    const { questions, done } = await mended(there, true);
    for (const text of [questions.join(), done.join()]) {
      expect(text).toContain(`built for ${one.root} (kapseli relocate ${moved} `);
    }
    await rm(moved, { recursive: true, force: true });
  });
});

describe("what is no damage", () => {
  it("files that programs do not see are a warning, and stay", async () => {
    const one = await damaged();
    await mkdir(one.at("data"));
    await writeFile(one.at("bin/mytool"), "#!/bin/sh\n");
    const report = await look(one);
    expect(report.ok).toBe(true);
    expect(report.findings.map(({ check, severity }) => `${check} ${severity}`)).toEqual([
      "foreign warning",
      "foreign warning",
    ]);
    await mended(one, true);
    expect(await readdir(one.root)).toContain("data");
    expect(await readdir(one.at("bin"))).toContain("mytool");
  });

  it("what a build has begun is told, and left to the next one", async () => {
    const one = await damaged();
    await mkdir(one.at("generations/3"));
    const report = await look(one);
    expect(report).toMatchObject({ ok: true, generation: 2 });
    expect(report.findings).toEqual([
      expect.objectContaining({
        generation: 3,
        severity: "warning",
        message: expect.stringMatching(/not complete/),
      }),
    ]);
    expect(await mended(one, true)).toMatchObject({ done: [], questions: [] });
    expect(await readdir(one.at("generations"))).toContain("3");
  });

  it("an older generation that is damaged is a warning", async () => {
    const one = await damaged();
    await truncate(one.at("generations/1/env.sqfs"), 10);
    const report = await look(one);
    expect(report).toMatchObject({
      ok: true,
      findings: [{ check: "image", severity: "warning", generation: 1 }],
    });
  });
});

describe("kapseli verify", () => {
  it("ends with 0, or with 7 when it finds an error; JSON has its schema; nobody to ask is said", async () => {
    const one = await damaged();
    const good = await runTool(host, "kapseli", ["verify", "--quick", "--json", one.root]);
    expect(good.exitCode, good.stderr).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ schema: "kapseli.verify/1", ok: true, hashed: false });
    await rm(one.at("current/env.sqfs"));
    const bad = await runTool(host, "kapseli", ["verify", one.root]);
    expect(bad).toMatchObject({ exitCode: 7, stderr: "" });
    expect(bad.stdout).toMatch(
      /^\[ ERROR \] +the image \S+ is missing\n +What to do: kapseli verify --repair /,
    );
    const unasked = await runTool(host, "kapseli", ["verify", "--repair", one.root]);
    expect(unasked.exitCode).toBe(2);
    expect(unasked.stderr).toContain("Give --yes to have it done");
    const fixed = await runTool(host, "kapseli", ["verify", "--repair", "--yes", "--json", one.root]);
    expect(fixed.exitCode, fixed.stdout).toBe(0);
    expect(JSON.parse(fixed.stdout)).toMatchObject({
      ok: true,
      generation: 1,
      repaired: [expect.any(String)],
    });
  });

  it("of what is no environment is bad input", async () => {
    const directory = await scratch();
    const ran = await runTool(host, "kapseli", ["verify", directory]);
    expect(ran).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("is not an environment") });
  });
});
