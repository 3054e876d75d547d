// A browser in a network that drops every UDP datagram, and in one that in addition looks into TCP and lets only TLS
// through: connected on the HTTPS port and first sound within 5 s, without a setting. For comparison first one in a network
// that drops nothing: half of all joins within a second.
import { test as base, expect } from "@playwright/test";
import { Admin } from "../fixtures";
import { fromClickToTone, listen } from "../media";
import { enter, open, prepare, sees } from "../people";
import { keyOf, Werkraum } from "../server";
import { percentile, print, summary } from "./figures";
import { Network, SERVER_IP } from "./network";

const TIMES = Number(process.env.WERKRAUM_PROOF_TIMES ?? 10);
const FIRST_SOUND_MS_MAX = 5_000;
const JOIN_TO_SOUND_P50_MS_MAX = 1_000;

/** Runs in the page: how media really travels. */
async function ways(): Promise<string[]> {
  const found: string[] = [];
  for (const connection of window.storyConnections) {
    const reports = await connection.getStats();
    for (const report of reports.values()) {
      if (report.type !== "transport" || !report.selectedCandidatePairId) continue;
      const pair = reports.get(report.selectedCandidatePairId);
      const local = reports.get(pair?.localCandidateId);
      const remote = reports.get(pair?.remoteCandidateId);
      found.push(
        local?.candidateType === "relay" ? `turn_${local.relayProtocol}` : `ice_${remote?.protocol}`,
      );
    }
  }
  return found;
}

base("where UDP is dropped there is sound within five seconds", async ({ browser }) => {
  const network = new Network();
  const server = await Werkraum.start(SERVER_IP);
  try {
    const admin = await Admin.first(server);
    const room = await admin.room("Hinter der Brandmauer", { lobby: false });
    const { url } = await admin.link(room, "participant");
    const outside = await open(browser, url);
    await enter(outside.page, "Ulla UDP");
    await expect(outside.page.getByText("Verbindung gut")).toBeVisible();

    const port = Number(new URL(server.origin).port);
    const launch = base.info().project.use.launchOptions;
    for (const [name, blocked, allowed] of [
      ["nothing_blocked", "nothing", ["ice_udp"]],
      // The browser's choice.
      ["udp_blocked", "udp", ["ice_tcp", "turn_tls"]],
      ["only_tls", "all_but_tls", ["turn_tls"]],
    ] as const) {
      if (blocked !== "nothing") network.dropUdp(port, blocked === "all_but_tls");
      const behind = await network.browser(launch, await keyOf(server.origin));
      const took: number[] = [];
      const taken = new Set<string>();
      for (let time = 0; time < TIMES; time++) {
        const context = await behind.newContext({
          ignoreHTTPSErrors: true,
          permissions: ["camera", "microphone"],
        });
        const page = await context.newPage();
        await listen(page);
        await page.goto(url);
        const join = await prepare(page, "Berta Brandmauer");
        took.push(await fromClickToTone(page, () => join.click()));
        await expect.poll(() => page.evaluate(ways)).not.toEqual([]);
        for (const one of await page.evaluate(ways)) taken.add(one);
        await sees(page, "Ulla");
        await context.close();
      }
      await behind.close();
      print(`${name}_way`, [...taken].sort().join(","));
      if (blocked !== "nothing") {
        print(`${name}_packets_dropped`, network.met());
        expect(network.met()).toBeGreaterThan(0);
      }
      summary(`${name}_first_sound`, took);
      for (const one of taken) expect(allowed).toContain(one);
      if (blocked === "nothing") expect(percentile(took, 50)).toBeLessThanOrEqual(JOIN_TO_SOUND_P50_MS_MAX);
      expect(percentile(took, 100)).toBeLessThanOrEqual(FIRST_SOUND_MS_MAX);
    }
  } finally {
    await server.remove();
    network.remove();
  }
});
