/** A real container registry on the loopback address (registry.sh). */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT, remove } from "./real.ts";

export interface Registry {
  /** HOST:PORT */
  address: string;
  /** Pushes a root tree, a SIF or an OCI layout. @returns its docker:// URI */
  push(source: string, name: string): string;
  /** Pushes a SIF as it is. @returns its oras:// URI */
  pushSif(sif: string, name: string): string;
  /** The blobs that were asked for so far, as `GET /v2/…` paths with their digests. */
  fetchedBlobs(): string[];
  stop(): void;
}

/** Starts a registry; pull from it with APPTAINER_NOHTTPS=1. */
export function startRegistry(): Registry {
  const directory = mkdtempSync(join(tmpdir(), "kapseli-registry-"));
  const run = (command: string, ...args: string[]): string => {
    const script = join(PROJECT, "test", "support", "registry.sh");
    const ran = spawnSync("sh", [script, command, directory, ...args], { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`registry.sh ${command} failed: ${ran.stdout}${ran.stderr}`);
    return ran.stdout.trim();
  };
  return {
    address: run("start"),
    push: (source, name) => run("push", source, name),
    pushSif: (sif, name) => run("push-sif", sif, name),
    fetchedBlobs: () =>
      readFileSync(join(directory, "log"), "utf8")
        .split("\n")
        .flatMap((line) => /"GET (\/v2\/\S*\/blobs\/\S+)/.exec(line)?.[1] ?? []),
    stop() {
      run("stop");
      remove(directory);
    },
  };
}
