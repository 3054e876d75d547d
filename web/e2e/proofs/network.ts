// A network of its own for one browser: a namespace at the other end of a cable, with rules of nftables in it. Whoever
// makes one takes it down again.
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type Browser, chromium, type LaunchOptions } from "@playwright/test";

/** The server's end of the cable. */
export const SERVER_IP = "10.77.0.1";
const NAME = "werkraum-proof";
const CABLE = "wrproof0";
const FAR_END = "wrproof1";
/** What waits in front of a slow cable at most, in bytes: as in the simulation (`crates/media/tests/common/sim`). */
const QUEUE_BYTES = 65_536;
/** Two packets may leave at once; all else waits its time. */
const BURST_BYTES = 3_200;

function run(command: string, args: string[], input?: string): string {
  return execFileSync(command, args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

function tried(command: string, args: string[]): void {
  try {
    run(command, args);
  } catch {
    // It was not there.
  }
}

/** Matches ICE over TCP: after the length of RFC 4571 and the head of a STUN message comes its cookie, in the clear. */
const iceTcp = (port: number) => `tcp dport ${port} @ih,48,32 0x2112a442`;

/** What the cable's queue was like at a moment. */
export interface Queue {
  at_ms: number;
  /** How fast it empties; 0: there is none. */
  bps: number;
  /** Carried since it was made, Ethernet headers included. */
  bytes: number;
  waiting: number;
  dropped: number;
}

/** Looks at the queue in front of the cable, ten times a second. One `tc` does it all: starting them costs too much. */
export class QueueWatch {
  readonly seen: Queue[] = [];
  readonly #tc: ChildProcessByStdio<Writable, Readable, null>;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#tc = spawn("tc", ["-s", "-j", "-batch", "-"], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface(this.#tc.stdout).on("line", (line) => {
      const root = (JSON.parse(line) as Partial<Shaper>[]).find(({ kind }) => kind === "tbf");
      this.seen.push({
        at_ms: performance.timeOrigin + performance.now(),
        bps: (root?.options?.rate ?? 0) * 8,
        bytes: root?.bytes ?? 0,
        waiting: root?.backlog ?? 0,
        dropped: root?.drops ?? 0,
      });
    });
    this.#timer = setInterval(() => this.#tc.stdin.write(`qdisc show dev ${CABLE}\n`), 100);
  }

  /** How long a packet that came then would have waited, in milliseconds, between two moments. */
  waits(from_ms: number, to_ms: number): number[] {
    const within = this.seen.filter(({ at_ms, bps }) => at_ms >= from_ms && at_ms < to_ms && bps > 0);
    return within.map(({ waiting, bps }) => Math.round((waiting * 8_000) / bps));
  }

  /** What the cable carried between two moments, in bit/s. */
  carried(from_ms: number, to_ms: number): number {
    const within = this.seen.filter(({ at_ms }) => at_ms >= from_ms && at_ms < to_ms);
    const [first, last] = [within[0], within.at(-1)];
    if (!first || !last || last.at_ms <= first.at_ms) return Number.NaN;
    return ((last.bytes - first.bytes) * 8_000) / (last.at_ms - first.at_ms);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#tc.kill();
  }
}

interface Shaper {
  kind: string;
  options: { rate: number };
  bytes: number;
  backlog: number;
  drops: number;
}

export class Network {
  readonly #folder = mkdtempSync(join(tmpdir(), "werkraum-proof-"));
  #ip = "10.77.0.2";

  constructor() {
    this.#takeDown();
    run("ip", ["netns", "add", NAME]);
    run("ip", ["link", "add", CABLE, "type", "veth", "peer", "name", FAR_END, "netns", NAME]);
    run("ip", ["addr", "add", `${SERVER_IP}/24`, "dev", CABLE]);
    // Each datagram by itself: a train in one piece would be lost in one piece.
    // An IPv6 address that comes a moment later is another network to browsers, and ends what they are loading.
    run("ip", ["link", "set", CABLE, "addrgenmode", "none", "gso_max_segs", "1"]);
    this.#inside("ip", ["link", "set", FAR_END, "addrgenmode", "none"]);
    run("ip", ["link", "set", CABLE, "up"]);
    this.#inside("ip", ["link", "set", "lo", "up"]);
    this.#inside("ip", ["addr", "add", `${this.#ip}/24`, "dev", FAR_END]);
    this.#inside("ip", ["link", "set", FAR_END, "up"]);
  }

  #inside(command: string, args: string[], input?: string): string {
    return run("ip", ["netns", "exec", NAME, command, ...args], input);
  }

  /** A browser in there that trusts the certificate with this key. */
  browser(options: LaunchOptions | undefined, key: string): Promise<Browser> {
    const wrapper = join(this.#folder, "chromium");
    const real = options?.executablePath ?? "/usr/bin/chromium";
    writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${NAME} ${real} "$@"\n`);
    chmodSync(wrapper, 0o755);
    const args = [...(options?.args ?? []), `--ignore-certificate-errors-spki-list=${key}`];
    return chromium.launch({ ...options, executablePath: wrapper, args });
  }

  /** Drops every UDP datagram both ways, and with `only_tls` also what begins with STUN's cookie on the port. */
  dropUdp(port: number, only_tls: boolean): void {
    const ice = only_tls ? `${iceTcp(port)} counter drop` : "";
    this.#rules(`
table inet werkraum_proof {
  chain out {
    type filter hook output priority 0
    meta l4proto udp counter drop
    ${ice}
  }
  chain in {
    type filter hook input priority 0
    meta l4proto udp counter drop
  }
}`);
  }

  /**
   * A NAT for UDP to this port that gives source ports from `first` on; what it knew before is forgotten. With
   * `only_udp`, ICE over TCP is dropped, so that nothing but the new port brings media back.
   */
  nat(port: number, first: number, only_udp: boolean): void {
    this.#rules(`
table ip werkraum_proof_nat {
  chain post {
    type nat hook postrouting priority 100
    oif "${FAR_END}" udp dport ${port} counter snat to ${this.#ip}:${first}-${first + 99}
  }
  chain out {
    type filter hook output priority 0
    ${only_udp ? `${iceTcp(port)} drop` : ""}
  }
}`);
    this.#inside("conntrack", ["-F"]);
  }

  /** The cable carries so much towards the browser from now on, with a queue in front of it that drops at its end. */
  narrow(bps: number): void {
    const shaper = ["tbf", "rate", `${bps}bit`, "burst", `${BURST_BYTES}`, "limit", `${QUEUE_BYTES}`];
    run("tc", ["qdisc", "replace", "dev", CABLE, "root", ...shaper]);
  }

  /** Loses so many of a thousand UDP datagrams from now on, both ways, each by its own chance; 0: none. */
  lose(permille: number): void {
    const drop = permille > 0 ? `meta l4proto udp numgen random mod 1000 < ${permille} counter drop` : "";
    this.#rules(`
table inet werkraum_proof {
  chain out {
    type filter hook output priority 0
    ${drop}
  }
  chain in {
    type filter hook input priority 0
    ${drop}
  }
}`);
  }

  #rules(text: string): void {
    this.#inside("nft", ["flush", "ruleset"]);
    this.#inside("nft", ["-f", "-"], `${text}\n`);
  }

  /** Packets that a rule with a counter has met, over all of them. */
  met(): number {
    const counters = this.#inside("nft", ["list", "ruleset"]).matchAll(/counter packets (\d+)/g);
    return [...counters].reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  /** Another network: the old address is gone, a moment later there is a new one. */
  move(): void {
    const next = this.#ip === "10.77.0.2" ? "10.77.0.3" : "10.77.0.2";
    this.#inside("ip", ["addr", "flush", "dev", FAR_END]);
    this.#inside("ip", ["addr", "add", `${next}/24`, "dev", FAR_END]);
    this.#ip = next;
  }

  remove(): void {
    this.#takeDown();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #takeDown(): void {
    tried("ip", ["netns", "del", NAME]);
    tried("ip", ["link", "del", CABLE]);
  }
}
