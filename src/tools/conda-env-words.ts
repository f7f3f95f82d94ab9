import type { CondaRequest, ShimPlace } from "./conda-request.ts";
import { CHANNELS, checkTarget, parsed, QUIET, refuse, TARGET, text } from "./conda-words.ts";

/**
 * Reads `conda env SUB …`.
 *
 * @throws {Refused}
 */
export function env(program: string, args: readonly string[], place: ShimPlace): CondaRequest {
  const [sub = "", ...rest] = args;
  const command = `${program} env ${sub}`.trim();
  switch (sub) {
    case "list": {
      const { values } = parsed(command, rest, QUIET, false);
      return { command: "env-list", json: Boolean(values.json) };
    }
    case "export": {
      const call = parsed(
        command,
        rest,
        {
          ...TARGET,
          ...QUIET,
          ...CHANNELS,
          file: { type: "string", short: "f" },
          "no-builds": { type: "boolean" },
          "no-build": { type: "boolean" },
          "from-history": { type: "boolean" },
        },
        false,
      );
      checkTarget(command, call, place);
      const { values } = call;
      const file = text(values.file);
      return {
        command: "env-export",
        builds: !(values["no-builds"] || values["no-build"]),
        fromHistory: Boolean(values["from-history"]),
        json: Boolean(values.json),
        ...(file === undefined ? {} : { file }),
      };
    }
    case "update": {
      const call = parsed(
        command,
        rest,
        {
          ...TARGET,
          ...QUIET,
          file: { type: "string", short: "f" },
          prune: { type: "boolean" },
        },
        false,
      );
      checkTarget(command, call, place);
      return {
        command: "env-update",
        file: text(call.values.file) ?? "environment.yml",
        prune: Boolean(call.values.prune),
      };
    }
    case "config": {
      const [vars, action, ...names] = rest;
      if (vars === "vars" && (action === "list" || action === "set" || action === "unset")) {
        const call = parsed(`${command} vars ${action}`, names, { ...TARGET, ...QUIET });
        checkTarget(`${command} vars ${action}`, call, place);
        for (const value of action === "set" ? call.positionals : []) {
          if (!/^[A-Za-z_]\w*=/.test(value)) refuse(`${command} vars set ${value}`, "expected NAME=VALUE");
        }
        return { command: "env-vars", action, values: call.positionals, json: Boolean(call.values.json) };
      }
      return refuse(
        [command, vars, action].filter(Boolean).join(" "),
        "only `vars list|set|unset` is known here",
      );
    }
    default:
      return refuse(
        command,
        "the environment is made by the build; `list`, `export`, `update` and `config vars` work",
      );
  }
}
