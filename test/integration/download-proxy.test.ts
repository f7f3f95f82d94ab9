import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { request as forward, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CONTENT, directory, failure, fetched, RIGHT } from "../support/downloads.ts";
import { sendRange, serve } from "../support/http-server.ts";

/** A forward proxy: absolute-form requests and CONNECT. */
async function proxy() {
  const tunnels: string[] = [];
  const running = await serve((request, response) => {
    const out = forward(request.url ?? "", { method: "GET", headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    out.end();
  });
  running.server.on("connect", (request: IncomingMessage, socket) => {
    tunnels.push(request.url ?? "");
    const [host, port] = (request.url ?? "").split(":");
    const out = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      out.pipe(socket).pipe(out);
    });
    out.on("error", () => socket.destroy());
    socket.on("error", () => out.destroy());
  });
  return { ...running, tunnels };
}

/** A certificate for 127.0.0.1 that signs itself. */
async function certificate() {
  const path = await directory();
  const [key, cert] = [join(path, "key.pem"), join(path, "cert.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert];
  execFileSync("openssl", [...make, ...subject], { stdio: "pipe" });
  return { key: await readFile(key), cert: await readFile(cert), path: cert };
}

describe("a download through what the environment names", () => {
  it("takes the proxy for http, with its credentials, and none for no_proxy", async () => {
    const target = await serve((request, response) => sendRange(request, response, CONTENT));
    const { url, requests } = await proxy();
    const http_proxy = url.replace("//", "//me:pw@");
    expect((await fetched(`${target.url}/x`, { environment: { http_proxy } })).outcome).toEqual(RIGHT);
    expect(requests[0]?.url).toBe(`${target.url}/x`);
    expect(requests[0]?.headers["proxy-authorization"]).toBe("Basic bWU6cHc=");
    expect(target.requests[0]?.headers.authorization).toBeUndefined();

    for (const environment of [
      { HTTP_PROXY: url, NO_PROXY: "example.org,127.0.0.1" },
      { HTTP_PROXY: url, http_proxy: "" },
      { HTTPS_PROXY: url },
    ] as const)
      expect((await fetched(`${target.url}/x`, { environment })).outcome).toEqual(RIGHT);
    expect(requests).toHaveLength(1);
  });

  it("reaches https through the proxy's tunnel, with the certificates named", async () => {
    const { key, cert, path } = await certificate();
    const target = await serve(
      (request, response) => sendRange(request, response, CONTENT),
      (listener) => createTlsServer({ key, cert }, listener) as unknown as Server,
    );
    const url = target.url.replace("http:", "https:");
    const through = await proxy();
    const proxied = { HTTPS_PROXY: through.url.replace("http://", "") };
    for (const name of ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]) {
      expect((await fetched(`${url}/x`, { environment: { [name]: path } })).outcome).toEqual(RIGHT);
      expect((await fetched(`${url}/x`, { environment: { ...proxied, [name]: path } })).outcome).toEqual(
        RIGHT,
      );
    }
    expect(through.tunnels).toEqual(Array(3).fill(url.replace("https://", "")));

    const { outcome, waits } = await fetched(`${url}/x`);
    expect(outcome).toMatchObject(failure(/certificate is not trusted/));
    expect(outcome).toMatchObject({ details: { hint: expect.stringContaining("SSL_CERT_FILE") } });
    expect(waits).toEqual([]);
  });

  it("says what a proxy refuses", async () => {
    const refusing = await serve((_request, response) => response.writeHead(407).end());
    refusing.server.on("connect", (_request, socket) => socket.end("HTTP/1.1 407 no\r\n\r\n"));
    const environment = { all_proxy: refusing.url };
    expect((await fetched("http://host.invalid/x", { environment })).outcome).toMatchObject(failure(/407/));
    expect((await fetched("https://host.invalid/x", { environment })).outcome).toMatchObject(failure(/407/));
  });

  it.each([
    [
      "a proxy that is none",
      { https_proxy: "socks4://me:hunter2@h" },
      /proxy socks4:\/\/\*\*\*@h is no http/,
    ],
    ["a proxy without a host", { http_proxy: "http://" }, /is no http/],
    ["certificates that are not there", { SSL_CERT_FILE: "/nowhere.pem" }, /\/nowhere\.pem cannot be read/],
  ])("says what is wrong with %s", async (_what, environment, message) => {
    const { url } = await serve((request, response) => sendRange(request, response, CONTENT));
    const { outcome, files } = await fetched(url, { environment });
    expect(outcome).toMatchObject(failure(message));
    expect(files).toEqual([]);
  });
});
