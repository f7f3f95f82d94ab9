import { httpAgent } from "./http-agent.ts";

/** How a server answered. */
export type Reached =
  | { answered: true; status: number /** Its clock, in ms since the epoch. */; clock: number | undefined }
  | { answered: false; reason: string };

/**
 * Asks a server for the head of an address, as downloads would: through the same proxies, with the same certificates.
 * Credentials in the address are not sent.
 */
export async function reach(
  url: string,
  environment: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<Reached> {
  let agent: Awaited<ReturnType<typeof httpAgent>> | undefined;
  try {
    const { request } = await import("undici");
    agent = await httpAgent(environment, timeoutMs);
    const { statusCode, headers, body } = await request(url, {
      method: "HEAD",
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await body.dump();
    const clock = Date.parse(String(headers.date ?? ""));
    return { answered: true, status: statusCode, clock: Number.isNaN(clock) ? undefined : clock };
  } catch (error) {
    const { name, message, cause } = error as Error;
    const why = name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} s` : message;
    return { answered: false, reason: why || (cause as Error | undefined)?.message || name };
  } finally {
    await agent?.destroy().catch(() => undefined);
  }
}
