import { join, posix } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists } from "../host/files.ts";
import type { HookRequest, RequestAnswer } from "../host/hook-requests.ts";
import { errorText } from "../report/error-text.ts";
import { exported, information, type ListedPackage, listing } from "../tools/conda-output.ts";
import type { CondaRequest } from "../tools/conda-request.ts";
import { parseCondaCall, SHIM_CONDA_VERSION } from "../tools/conda-shim.ts";
import { redactSecrets } from "../tools/redact.ts";
import { ownVariables } from "./activation.ts";
import { CondaChanges } from "./conda-changes.ts";
import { CondaConfiguration } from "./conda-configuration.ts";
import { type CondaPlace, type CondaSetting, packageCachesOf } from "./conda-place.ts";
import type { BuildContext } from "./context.ts";
import { condaRecords, pipOnly } from "./packages.ts";

const said = (stdout: string, stderr = "", status = 0): RequestAnswer => ({
  verb: "exit",
  status,
  stdout,
  stderr,
});

const SUCCESS = `${JSON.stringify({ success: true }, null, 2)}\n`;

/** Carries out what hooks ask of conda and mamba, and remembers what they configured. */
export class CondaCalls {
  private readonly configuration: CondaConfiguration;
  private readonly changes: CondaChanges;

  constructor(
    private readonly context: BuildContext,
    private readonly setting: CondaSetting,
    private readonly place: CondaPlace,
  ) {
    this.configuration = new CondaConfiguration(setting, place);
    this.changes = new CondaChanges(context, setting, place, this.configuration);
  }

  /**
   * Answers one call. What goes wrong is the caller's to read, as with the real conda.
   *
   * @throws the reason of an abort.
   */
  async answer(request: HookRequest): Promise<RequestAnswer> {
    const { root, envName, base } = this.place;
    const { program, words, cwd, activePrefix } = request;
    this.context.report({ event: "command", argv: [program, ...words.map((word) => redactSecrets(word))] });
    const parsed = parseCondaCall(program, words, { root, envName, base, cwd, activePrefix });
    if ("refused" in parsed) return said("", `${parsed.refused}\n`, 1);
    try {
      return await this.carryOut(parsed, request);
    } catch (error) {
      this.context.signal.throwIfAborted();
      if (!(error instanceof KapseliError)) throw error;
      return said("", `${program} ${words[0] ?? ""}: ${redactSecrets(errorText(error, false))}`, 1);
    }
  }

  private async carryOut(wanted: CondaRequest, request: HookRequest): Promise<RequestAnswer> {
    const there = await exists(join(this.place.tree, "conda-meta"));
    const outside = ["config", "info", "env-list", "nothing"];
    if (!there && !outside.includes(wanted.command)) {
      throw new KapseliError(
        ExitCode.installFailed,
        `the environment ${this.place.envName} is not made yet`,
        {
          hint: "A pre-install script runs before the installation; do this in a post-install script.",
        },
      );
    }
    switch (wanted.command) {
      case "install":
      case "remove": {
        const summary =
          wanted.command === "install"
            ? await this.changes.install(wanted, request)
            : await this.changes.remove(wanted, request);
        return said(wanted.json ? SUCCESS : summary);
      }
      case "list": {
        const packages = await this.packages(wanted.pip);
        const { root } = this.place;
        return said(listing({ ...wanted, root, platform: this.setting.platform, packages }));
      }
      case "config":
        return { verb: "exit", ...this.configuration.configure(wanted.actions) };
      case "info":
        return said(information(this.about(there, request), wanted.format));
      case "env-list":
        return said(
          wanted.json
            ? `${JSON.stringify({ envs: there ? [this.place.root] : [] }, null, 2)}\n`
            : information(this.about(there, request), "envs"),
        );
      case "env-export": {
        const text = exported({
          ...wanted,
          name: this.place.envName,
          root: this.place.root,
          channels: this.configuration.channelList({}),
          packages: await this.packages(true),
          variables: await ownVariables(this.place.tree),
        });
        return wanted.file === undefined
          ? said(text)
          : { ...said(text), verb: "write", path: posix.resolve(request.cwd, wanted.file) };
      }
      case "env-vars":
        return this.variables(wanted);
      case "env-update":
        return said(await this.changes.updateFromFile(wanted, request));
      case "run":
        return {
          ...said(""),
          verb: "run",
          status: wanted.from,
          ...(wanted.cwd === undefined ? {} : { path: posix.resolve(request.cwd, wanted.cwd) }),
        };
      case "nothing":
        return said(wanted.output, wanted.said === "" ? "" : `${request.program}: ${wanted.said}\n`);
    }
  }

  private about(there: boolean, request: HookRequest) {
    const { root, envName, base } = this.place;
    return {
      envName,
      root,
      base,
      exists: there,
      active: request.activePrefix === root,
      channels: this.configuration.channelList(request.variables),
      packageCaches: packageCachesOf(this.setting),
      platform: this.setting.platform,
      condaVersion: SHIM_CONDA_VERSION,
    };
  }

  private async packages(withPip: boolean): Promise<ListedPackage[]> {
    const { tree } = this.place;
    const records = await condaRecords(tree);
    const conda = records.map((record): ListedPackage => {
      const requested = record.requested_specs?.[0] ?? record.requested_spec;
      return {
        name: record.name,
        version: record.version,
        build: record.build ?? "",
        buildNumber: record.build_number ?? 0,
        channel: record.channel ?? "",
        subdir: record.subdir ?? "",
        ...(record.url === undefined ? {} : { url: record.url }),
        ...(record.md5 === undefined ? {} : { md5: record.md5 }),
        ...(record.sha256 === undefined ? {} : { sha256: record.sha256 }),
        ...(requested ? { requested } : {}),
      };
    });
    if (!withPip) return conda;
    const dists = await pipOnly(tree, records);
    const fromPip = dists.map(({ name, version }): ListedPackage => {
      return { name, version, build: "pypi_0", buildNumber: 0, channel: "pypi", subdir: "pypi" };
    });
    return [...conda, ...fromPip];
  }

  private async variables(wanted: Extract<CondaRequest, { command: "env-vars" }>): Promise<RequestAnswer> {
    if (wanted.action === "set") {
      const pairs = wanted.values.map((pair) => {
        const equals = pair.indexOf("=");
        return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
      });
      await this.changes.changeVariables((variables) => ({ ...variables, ...Object.fromEntries(pairs) }));
      return said("");
    }
    if (wanted.action === "unset") {
      await this.changes.changeVariables((variables) =>
        Object.fromEntries(Object.entries(variables).filter(([name]) => !wanted.values.includes(name))),
      );
      return said("");
    }
    const variables = await ownVariables(this.place.tree);
    if (wanted.json) return said(`${JSON.stringify(variables, null, 2)}\n`);
    return said(
      Object.entries(variables)
        .map(([name, value]) => `${name} = ${value}\n`)
        .join(""),
    );
  }
}
