// Behind a firewall that lets nothing but TLS through: sound and pictures by TURN inside TLS on the port of the page,
// with what the server says in its welcome and without a setting. That the browser may take no other way is set in the
// page. The browser has to trust the trial's certificate for TURN as well, which it is told by the certificate's key.
import { type Browser, chromium } from "@playwright/test";
import { expect, test } from "./fixtures";
import { fromClickToTone } from "./media";
import { enter, hears, open, prepare, sees } from "./people";
import { keyOf } from "./server";

/** Runs in the page: no way but TURN. */
function relayOnly(): void {
  const Known = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Known {
    constructor(configuration?: RTCConfiguration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
    }
  };
}

/** Runs in the page: how media really travels. */
async function ways(): Promise<string[]> {
  const found: string[] = [];
  for (const connection of window.storyConnections) {
    const reports = await connection.getStats();
    for (const report of reports.values()) {
      if (report.type !== "candidate-pair" || !report.nominated || report.state !== "succeeded") continue;
      const local = reports.get(report.localCandidateId);
      found.push(`${local?.candidateType} ${local?.relayProtocol}`);
    }
  }
  return found;
}

test("where only TLS gets through, media goes by TURN on the port of the page", async ({
  browser,
  server,
  admin,
}) => {
  test.setTimeout(120_000);
  const room = await admin.room("Hinter der dicken Mauer", { lobby: false });
  const { url } = await admin.link(room, "participant");
  const outside = await open(browser, url);
  await enter(outside.page, "Ulla UDP");
  await expect(outside.page.getByText("Verbindung gut")).toBeVisible();

  const { launchOptions } = test.info().project.use;
  const trusting: Browser = await chromium.launch({
    ...launchOptions,
    args: [
      ...(launchOptions?.args ?? []),
      `--ignore-certificate-errors-spki-list=${await keyOf(server.origin)}`,
    ],
  });
  try {
    const inside = await open(trusting, url, relayOnly);
    const join = await prepare(inside.page, "Tilda TURN");
    const took_ms = await fromClickToTone(inside.page, () => join.click());
    // biome-ignore lint/suspicious/noConsole: the time is for whoever runs the story
    console.log(`join_to_sound_turn_ms ${took_ms}`);
    // The first sound comes before the way is settled.
    await expect.poll(() => inside.page.evaluate(ways)).toEqual(["relay tls"]);
    await sees(inside.page, "Ulla");
    await sees(outside.page, "Tilda");
    await hears(outside.page);
    await hears(inside.page);
    expect(inside.troubles).toEqual([]);
    expect(outside.troubles).toEqual([]);
  } finally {
    await trusting.close();
  }
});
