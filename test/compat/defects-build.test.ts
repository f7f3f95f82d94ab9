import {
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12 } from "../support/base-image.ts";
import { newPlace, own, type Place, put, putEnv } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import {
  expectError,
  output,
  python,
  says,
  script,
  siteFile,
  type,
  typeWell,
} from "../support/compat-place.ts";
import { channelDirectory, channelUrl, ordinary } from "../support/real.ts";

describe("defects of Tykky's builds", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    put(place, "requirements.txt", "cowsay==6.1\n");
    put(place, "other.txt", "iniconfig==2.0.0\n");
    putEnv(place, "kapseli-binary-prefix");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const conda = once(() => {
    typeWell(place, "conda-containerize new --prefix conda env.yml");
    return at("conda");
  });

  check("defect 5", () => {
    const post = script(place, "ends.sh", "echo before", "exit 0", "echo after");
    const ran = type(place, `conda-containerize new --post-install ${post} --prefix ended env.yml`);
    expectError(ran, 5, "ends.sh", /exit/);
    expect(existsSync(at("ended/current"))).toBe(false);
  });

  check("defect 6", () => {
    const env = { PIP_CACHE_DIR: at("pip-cache") };
    typeWell(place, "pip-containerize new --nocache --prefix uncached requirements.txt", { env });
    expect(python(place, at("uncached/bin/python3"), "import cowsay; print('there')")).toBe("there");
    expect(existsSync(at("pip-cache")) ? readdirSync(at("pip-cache")) : []).toEqual([]);
  });

  check("defect 7", () => {
    const environ = script(place, "environ.sh", "export FROM_ENVIRON='kept as it is'");
    put(
      place,
      "kept.yml",
      `mode: venv
requirements_file: requirements.txt
use_uv: yes
installation_prefix: kept
wrapper_ld_library_paths: [/opt/kapseli-extra/lib]
extra_envs: [{ file: ${environ} }]
`,
    );
    typeWell(place, "pip-containerize advanced kept.yml");
    typeWell(place, ["rm", "environ.sh"]);
    typeWell(place, "pip-containerize update kept");
    const code = "import os; print(os.environ['FROM_ENVIRON']); print(os.environ['LD_LIBRARY_PATH'])";
    const [said, libraries] = python(place, at("kept/bin/python3"), code).split("\n");
    expect(said).toBe("kept as it is");
    expect(libraries?.split(":")).toContain("/opt/kapseli-extra/lib");
    expect(readFileSync(at("kept/share/previous_input/0/requirements.txt"), "utf8")).toBe("cowsay==6.1\n");
  });

  check("defect 8", () => {
    for (const name of ["one", "two"]) put(place, `twice/${name}/tool`, `#!/bin/sh\necho ${name}\n`, 0o755);
    const ran = typeWell(place, "wrap-install -w one,two --prefix wrapped-twice twice");
    expect(ran.stdout).toMatch(/^\[ WARNING \] .*tool/m);
    expect(says(place, [at("wrapped-twice/bin/tool")])).toBe("two");

    const post = script(place, "own-tool.sh", 'mkdir "$CW_INSTALLATION_PATH/more"', ...ownTool("more"));
    typeWell(
      place,
      `pip-containerize new --uv --post-install ${post} -w more --prefix again requirements.txt`,
    );
    typeWell(place, "pip-containerize update -w more again");
    expect(says(place, [at("again/bin/own-tool")])).toBe("more");
  });
  const ownTool = (directory: string): string[] => [
    `printf '#!/bin/sh\\necho ${directory}\\n' > "$CW_INSTALLATION_PATH/${directory}/own-tool"`,
    `chmod +x "$CW_INSTALLATION_PATH/${directory}/own-tool"`,
  ];

  check("defect 9", "one that does not exist is refused, and nothing is published", () => {
    const ran = type(place, "conda-containerize new -w nowhere --prefix bad-path env.yml");
    expect(ran.exitCode).toBeGreaterThan(2);
    expectError(ran, ran.exitCode ?? 0, "nowhere");
    expect(existsSync(at("bad-path/current"))).toBe(false);
  });

  check("defect 9", "one that an update took away is one warning, which says how to forget it", () => {
    const make = script(place, "make-tool.sh", 'mkdir "$CW_INSTALLATION_PATH/gone"', ...ownTool("gone"));
    typeWell(
      place,
      `pip-containerize new --uv --post-install ${make} -w gone --prefix vanished requirements.txt`,
    );
    expect(says(place, [at("vanished/bin/own-tool")])).toBe("gone");
    const away = script(place, "take-away.sh", 'rm -r "$CW_INSTALLATION_PATH/gone"');
    const first = typeWell(place, `pip-containerize update --post-install ${away} vanished`);
    expect(first.stdout.match(/^\[ WARNING \] .*gone.*$/gm)).toEqual([
      expect.stringContaining("--remove-wrapper-paths"),
    ]);
    expect(existsSync(at("vanished/bin/own-tool"))).toBe(false);
    const second = typeWell(place, "pip-containerize update --remove-wrapper-paths gone vanished");
    expect(output(second)).not.toContain("[ WARNING ]");
  });

  check("defect 9", "one that is no longer wanted is taken back", () => {
    const make = script(
      place,
      "make-both.sh",
      'mkdir "$CW_INSTALLATION_PATH/unwanted"',
      ...ownTool("unwanted"),
    );
    typeWell(
      place,
      `pip-containerize new --uv --post-install ${make} -w unwanted --prefix taken-back requirements.txt`,
    );
    expect(readdirSync(at("taken-back/bin"))).toContain("own-tool");
    typeWell(place, "pip-containerize update --remove-wrapper-paths unwanted taken-back");
    expect(readdirSync(at("taken-back/bin"))).not.toContain("own-tool");
  });

  check("defect 10", () => {
    put(place, "software/bin/hello", "#!/bin/sh\necho hello\n", 0o755);
    const pre = script(place, "pre.sh", 'echo ran > "$CW_WORKDIR/pre-install-ran"');
    typeWell(place, `wrap-install --pre-install ${pre} -w bin --prefix wrapped software`);
    expect(readFileSync(at("pre-install-ran"), "utf8")).toBe("ran\n");
    expect(says(place, [at("wrapped/bin/hello")])).toBe("hello");
  });

  check("defect 11", "spaces in the prefix, TMPDIR, PATH and the names of inputs, which may be links", () => {
    put(place, "my inputs/real.txt", "cowsay==6.1\n");
    symlinkSync("real.txt", at("my inputs/my link.txt"));
    const temporary = put(place, "a tmp");
    const PATH = `${put(place, "a path/bin")}:${process.env.PATH}`;
    typeWell(place, ["pip-containerize", "new", "--uv", "--prefix", "my env", "my inputs/my link.txt"], {
      env: { TMPDIR: temporary },
    });
    const code = "import cowsay, os, sys; print(sys.prefix); print(os.environ['PATH'])";
    const ran = python(place, at("my env/bin/python3"), code, { env: { PATH, TMPDIR: temporary } });
    expect(ran.split("\n")[0]).toBe(at("my env"));
    expect(ran.split("\n")[1]?.split(":")).toContain(at("a path/bin"));
    expect(readdirSync(temporary)).toEqual([]);
    const archived = at("my env/share/previous_input/0/my link.txt");
    expect(lstatSync(archived).isFile()).toBe(true);
    expect(readFileSync(archived, "utf8")).toBe("cowsay==6.1\n");
  });

  check("defect 11", "an empty item of -w is a usage error", () => {
    put(place, "listed/bin/hello", "#!/bin/sh\necho hello\n", 0o755);
    const ran = type(place, "wrap-install -w bin,, --prefix wrapped-listed listed");
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/wrapper-paths.*empty/is);
    expect(existsSync(at("wrapped-listed"))).toBe(false);
  });

  check("defect 11", "inputs of one base name do not take each other's place", () => {
    putEnv(place, "python=3.11, pip", "", "same-name.yml");
    put(place, "more/same-name.yml", "iniconfig==2.0.0\n");
    typeWell(place, "conda-containerize new -r more/same-name.yml --prefix same-name same-name.yml");
    expect(python(place, at("same-name/bin/python3"), "import iniconfig; print('there')")).toBe("there");
  });

  check("defect 12", "new over an old prefix: no stale command; a running job keeps its image", () => {
    const build = (file: string): string =>
      `pip-containerize new --uv --prefix replaced ${file} >>replaced.log 2>&1`;
    const job =
      "import os, time\nopen('started', 'w')\nwhile not os.path.exists('go'): time.sleep(0.05)\nimport cowsay";
    // The job has loaded nothing of cowsay before the image is replaced.
    const line = `${build("requirements.txt")} || exit 1
      "$PWD/replaced/bin/python3" -c "$0" & job=$!
      while [ ! -e started ]; do sleep 0.05; kill -0 "$job" || exit 2; done
      ${build("other.txt")} || exit 3
      touch go
      wait "$job" && echo "the job ended well"`;
    expect(says(place, ["bash", "-c", line, job])).toBe("the job ended well");
    expect(readdirSync(at("replaced/bin"))).not.toContain("cowsay");
    expect(python(place, at("replaced/bin/python3"), "import iniconfig; print('there')")).toBe("there");
  });

  check("defect 12", "new over a prefix with a shared image leaves that image as it is", () => {
    copyFileSync(debian12(place.user), put(place, "site/base.sif", ""));
    own(at("site/base.sif"), place.user);
    const look = () => {
      const { ino, size, mtimeMs } = statSync(at("site/base.sif"));
      return { ino, size, mtimeMs };
    };
    const before = look();
    const sharing = siteFile(place, { container_src: at("site/base.sif"), share_container: true });
    const line = "pip-containerize new --prefix sharing requirements.txt";
    typeWell(place, line, { env: sharing });
    typeWell(place, line, { env: siteFile(place, { container_src: debian12(place.user) }) });
    expect(look()).toEqual(before);
    expect(lstatSync(at("site/base.sif")).isFile()).toBe(true);
  });

  check("defect 20", () => {
    const lines = ["create_default_packages: [kapseli-text-prefix]", "ssl_verify: /nowhere/certificates"];
    put(place, "home/.condarc", `channels: [file:///nowhere]\n${lines.join("\n")}\n`);
    typeWell(place, "conda-containerize new --prefix poisoned env.yml", {
      env: { HOME: at("home") },
    });
    expect(says(place, [at("poisoned/bin/kapseli-binary-prefix")])).toContain(at("poisoned"));
    expect(readdirSync(at("poisoned/bin"))).not.toContain("kapseli-text-prefix");
    const find = [
      "find",
      at("poisoned"),
      "-maxdepth",
      "2",
      "(",
      "-name",
      "pkgs",
      "-o",
      "-name",
      "*cache*",
      ")",
    ];
    expect(says(place, [at("poisoned/bin/_debug_exec"), ...find])).toBe("");
  });

  check("defect 21", () => {
    conda();
    const before = readdirSync(join(conda(), "generations"));
    const ran = type(place, "pip-containerize update -r other.txt conda");
    expectError(ran, 3, "conda is a conda environment");
    put(place, "wrapped-soft/bin/hello", "#!/bin/sh\necho hello\n", 0o755);
    typeWell(place, "wrap-install -w bin --prefix of-disk wrapped-soft");
    expectError(type(place, "conda-containerize update of-disk"), 3, "of-disk", "wrap-install");
    expect(readdirSync(join(conda(), "generations"))).toEqual(before);
  });

  check("defect 25", "a package without the hash that the list gives is not installed", () => {
    const [file] = readdirSync(join(channelDirectory(), "noarch")).filter((name) =>
      name.startsWith("cowsay-6.1"),
    );
    put(place, "wrong.txt", `@EXPLICIT\n${channelUrl()}/noarch/${file}#${"0".repeat(32)}\n`);
    const ran = type(place, "conda-containerize new --prefix wrong wrong.txt");
    expectError(ran, 5, "cowsay");
    expect(existsSync(at("wrong/current"))).toBe(false);
  });

  check("defect 25", "where there is no terminal, the output is plain lines", () => {
    const ran = typeWell(place, "pip-containerize new --uv --prefix plain requirements.txt");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(output(ran)).not.toMatch(/[\r\x1b]/);
    expect(ran.stdout).not.toMatch(/={20}/);
  });
});
