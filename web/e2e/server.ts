// The real server binary with a data folder of its own, for browser stories. Waits for what it prints, never for time.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:tls";

const READY_MS = 60_000;

function binary(): string {
  const path = resolve(process.env.WERKRAUM_BIN ?? "../target/debug/werkraum");
  if (!existsSync(path)) throw new Error(`no server at ${path}: build it, or set WERKRAUM_BIN`);
  return path;
}

/** A port that is free for TCP now; the server takes the same number for UDP. */
function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === "object" ? found(address.port) : failed(new Error("no port")),
      );
    });
  });
}

/** The sha-256 of the key in a server's certificate, as Chromium's `--ignore-certificate-errors-spki-list` wants it. */
export function keyOf(origin: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((found, failed) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      servername: "localhost",
      rejectUnauthorized: false,
    });
    socket.once("error", failed);
    socket.once("secureConnect", () => {
      const key = socket.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
      socket.destroy();
      if (key) found(createHash("sha256").update(key).digest("base64"));
      else failed(new Error("no certificate"));
    });
  });
}

export class Werkraum {
  /** `https://localhost:…` */
  origin = "";
  /** The one-time link that the first start prints. */
  firstAdmin = "";
  readonly output: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "werkraum-e2e-"));
  #host = "";
  #port = 0;
  #child: ChildProcess | null = null;

  /** `host`: Firefox never pairs a loopback address with its own, so its story listens at all addresses. */
  static async start(host = "127.0.0.1"): Promise<Werkraum> {
    const server = new Werkraum();
    server.#host = host;
    server.#port = await freePort();
    await server.run();
    return server;
  }

  /** A second server of what this one has on its disk now: what a crash at this moment leaves. */
  async copy(): Promise<Werkraum> {
    const copy = new Werkraum();
    cpSync(this.#folder, copy.#folder, { recursive: true });
    copy.#host = this.#host;
    copy.#port = await freePort();
    await copy.run();
    return copy;
  }

  /** Starts it, or starts it again with the same data at the same address. */
  async run(): Promise<void> {
    const child = spawn(binary(), ["serve"], {
      env: { ...process.env, WERKRAUM_LISTEN: `${this.#host}:${this.#port}`, WERKRAUM_DATA: this.#folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    await new Promise<void>((ready, failed) => {
      const late = setTimeout(() => failed(new Error(`not ready:\n${this.output.join("\n")}`)), READY_MS);
      child.once("exit", (code) => failed(new Error(`ended with ${code}:\n${this.output.join("\n")}`)));
      const line = (text: string) => {
        this.output.push(text);
        const link = /first admin\s+(https:\/\/\S+)/.exec(text)?.[1];
        if (link) this.firstAdmin = link;
        const origin = /^ready\s+(https:\/\/[^\s/]+)/.exec(text)?.[1];
        if (origin) this.origin = origin;
        if (this.origin !== "" && (this.firstAdmin !== "" || origin)) {
          // The link is printed before or after `ready`; one turn later both have been read.
          setImmediate(() => {
            clearTimeout(late);
            ready();
          });
        }
      };
      if (child.stdout) createInterface(child.stdout).on("line", line);
      if (child.stderr) createInterface(child.stderr).on("line", line);
    });
  }

  /** `SIGKILL` is the crash that the pads must survive. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
