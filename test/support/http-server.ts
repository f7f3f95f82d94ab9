import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface LocalServer {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  /** What was asked so far, in order. */
  requests: IncomingMessage[];
  server: Server;
}

/** Listens on a free port of the loopback address until the test ends; `number` counts requests from 1. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
  create: (listener: RequestListener) => Server = createServer,
): Promise<LocalServer> {
  const requests: IncomingMessage[] = [];
  const server = create((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, server };
}

/** Sends `content`, or the part of it that a Range asks for. */
export function sendRange(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  headers: Record<string, string> = {},
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const part = content.subarray(from);
  const ranged = from > 0 ? { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` } : {};
  response.writeHead(from > 0 ? 206 : 200, { "content-length": part.length, ...ranged, ...headers });
  response.end(part);
}

/** Announces all of `content`, sends the first half of it and cuts the connection. */
export function sendHalf(
  response: ServerResponse,
  content: Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { "content-length": content.length, ...headers });
  response.write(content.subarray(0, content.length / 2), () => response.destroy());
}
