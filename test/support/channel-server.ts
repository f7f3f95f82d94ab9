/** The local conda channel, or any directory, over HTTP on the loopback address, with faults (scripts/local-channel/serve.py). */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./builds.ts";
import { channelDirectory, PROJECT, remove } from "./real.ts";

export interface ChannelServer {
  /** `127.0.0.1:PORT` */
  address: string;
  url: string;
  /** From now on without faults. */
  heal(): void;
  /** One line per request so far: method, path, status. */
  requests(): string[];
  stop(): Promise<void>;
}

/** Serves until `stop`, or until the tests end, however they end. */
export async function serveChannel(
  options: {
    faults?: readonly string[];
    basicAuth?: string;
    directory?: string;
    /** PEM files. */
    tls?: { certificate: string; key: string };
  } = {},
): Promise<ChannelServer> {
  const own = mkdtempSync(join(tmpdir(), "kapseli-serve-"));
  const [port, log, healed] = [join(own, "port"), join(own, "log"), join(own, "healed")];
  const child = spawn(
    "python3",
    [
      join(PROJECT, "scripts", "local-channel", "serve.py"),
      options.directory ?? channelDirectory(),
      port,
      ...["--log", log, "--healed", healed],
      ...(options.tls ? ["--tls", options.tls.certificate, options.tls.key] : []),
      ...(options.basicAuth === undefined ? [] : ["--basic-auth", options.basicAuth]),
      ...(options.faults ?? []).flatMap((fault) => ["--fault", fault]),
    ],
    { stdio: ["pipe", "ignore", "inherit"] },
  );
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const number = await until(
    "the channel server's port",
    () => existsSync(port) && readFileSync(port, "utf8").trim(),
  );
  const address = `127.0.0.1:${number}`;
  return {
    address,
    url: `${options.tls ? "https" : "http"}://${address}`,
    heal: () => writeFileSync(healed, ""),
    requests: () => readFileSync(log, "utf8").split("\n").filter(Boolean),
    async stop() {
      child.stdin.end();
      await gone;
      remove(own);
    },
  };
}
