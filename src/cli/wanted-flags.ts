import { resolve } from "node:path";
import type { FlagValue, FlagValues } from "../config/resolve.ts";
import type { Wanted } from "./wanted.ts";

/** The kinds of what is built, as the configuration names them. */
export type Mode = "conda" | "venv" | "wrapcont" | "wrapdisk";

/**
 * Options of one command line as values of configuration keys, so that all of them are decided in one place.
 *
 * @returns what the command itself means, which a YAML file (`-y`) goes before, and what goes before that file
 */
export function flagsOf(wanted: Wanted): { implied: FlagValues; flags: FlagValues } {
  const implied: Record<string, FlagValue> = {};
  const flags: Record<string, FlagValue> = {};
  const set = (key: string, value: unknown, flag: string, add = false): void => {
    if (value !== undefined) flags[key] = { value, flag, ...(add ? { add } : {}) };
  };
  const imply = (key: string, value: unknown, flag: string): void => {
    if (value !== undefined) implied[key] = { value, flag };
  };
  const file = (path: string | undefined) => (path === undefined ? undefined : [{ file: path }]);
  set("pre_install", file(wanted.preInstall), "--pre-install");
  set("post_install", file(wanted.postInstall), "--post-install");
  set("extra_envs", file(wanted.environ), "--environ");
  set("compression_level", wanted.compress, "--compress");
  set("container_src", wanted.base, "--base");
  set("build_tmpdir_base", wanted.tmpdir === undefined ? undefined : resolve(wanted.tmpdir), "--tmpdir");
  set("wrapper_paths", wanted.wrapperPaths, "--wrapper-paths", "yaml" in wanted);
  if (wanted.command === "wrap-container" || wanted.command === "wrap-install") {
    imply("installation_prefix", wanted.prefix, "--prefix");
  } else {
    set("installation_prefix", wanted.prefix, "--prefix");
  }

  const isTrue = (value: boolean): true | undefined => (value ? true : undefined);
  switch (wanted.command) {
    case "conda-new":
      set("mode", "conda", "conda-containerize");
      set("env_file", wanted.envFile, "ENV");
      set("requirements_file", wanted.requirements, "--requirement");
      set("mamba", isTrue(wanted.mamba), "--mamba");
      set("use_uv", isTrue(wanted.uv), "--uv");
      set("pipcache", wanted.nocache ? false : undefined, "--nocache");
      set("conda_engine", wanted.engine, "--engine");
      break;
    case "pip-new":
      set("mode", "venv", "pip-containerize");
      set("requirements_file", wanted.requirements, "REQUIREMENTS");
      set("use_uv", isTrue(wanted.uv), "--uv");
      set("pyver", wanted.pyver, "--pyver");
      set("enable_site_packages", isTrue(wanted.systemSitePackages), "--system-site-packages");
      set("pipcache", wanted.nocache ? false : undefined, "--nocache");
      set("isolate", isTrue(wanted.slim), "--slim");
      break;
    case "conda-update":
    case "pip-update":
      set("mode", wanted.command === "conda-update" ? "conda" : "venv", wanted.command);
      set("update_installation", true, "update");
      set("installation_prefix", wanted.directory, "DIR");
      set("requirements_file", wanted.requirements, "--requirement");
      set("pipcache", wanted.nocache ? false : undefined, "--nocache");
      break;
    case "wrap-container":
      imply("mode", "wrapcont", "wrap-container");
      imply("container_src", wanted.container, "CONTAINER");
      imply("isolate", true, "wrap-container");
      break;
    case "wrap-install":
      imply("mode", "wrapdisk", "wrap-install");
      imply("wrap_src", wanted.directory, "DIR");
      imply("mask_wrap_install", isTrue(wanted.mask), "--mask");
      break;
    case "relocate":
      set("update_installation", true, "relocate");
      set("installation_prefix", wanted.directory, "PREFIX");
      break;
    case "rebuild":
      // Without --prefix it is the environment itself.
      if (wanted.prefix === undefined) set("installation_prefix", wanted.from, "FROM");
      break;
    case "advanced":
      break;
  }
  return { implied, flags };
}
