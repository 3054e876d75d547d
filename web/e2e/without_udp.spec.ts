// Behind an office firewall that lets only web pages through: sound, pictures and all by TCP, on the port of the page
// itself (RFC 6544), without a setting. What the firewall does is done in the page: the client is never told the UDP
// addresses.
import { expect, test } from "./fixtures";
import { fromClickToTone } from "./media";
import { enter, hears, open, prepare, sees } from "./people";

/** Runs in the page: hides the server's UDP addresses. */
function noUdp(): void {
  const real: (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void> =
    RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description?.sdp?.replace(/a=candidate:\S+ 1 udp .*\r\n/g, "");
    return real.call(this, { type: description?.type ?? "answer", sdp: sdp ?? "" });
  };
}

/** Runs in the page: how media really travels. */
async function protocols(): Promise<string[]> {
  const found: string[] = [];
  for (const connection of window.storyConnections) {
    const reports = await connection.getStats();
    for (const report of reports.values()) {
      if (report.type !== "candidate-pair" || !report.nominated || report.state !== "succeeded") continue;
      found.push(reports.get(report.remoteCandidateId)?.protocol ?? "unknown");
    }
  }
  return found;
}

test("where UDP is blocked, media goes by TCP on the port of the page", async ({ browser, admin }) => {
  test.setTimeout(120_000);
  const room = await admin.room("Hinter der Brandmauer", { lobby: false });
  const { url } = await admin.link(room, "participant");
  // One by TCP, one by UDP: they meet all the same.
  const outside = await open(browser, url);
  await enter(outside.page, "Ulla UDP");
  await expect(outside.page.getByText("Verbindung gut")).toBeVisible();

  const inside = await open(browser, url, noUdp);
  const join = await prepare(inside.page, "Tilman TCP");
  const took_ms = await fromClickToTone(inside.page, () => join.click());
  // biome-ignore lint/suspicious/noConsole: the time is for whoever runs the story
  console.log(`join_to_sound_tcp_ms ${took_ms}`);
  expect(await inside.page.evaluate(protocols)).toEqual(["tcp"]);
  expect(await outside.page.evaluate(protocols)).toEqual(["udp"]);
  await sees(inside.page, "Ulla");
  await sees(outside.page, "Tilman");
  await hears(outside.page);
  await hears(inside.page);
  expect(inside.troubles).toEqual([]);
  expect(outside.troubles).toEqual([]);
});

/** Runs in the page: no websocket gets through. */
function noWebsockets(): void {
  const Real = window.WebSocket;
  // A port that answers nothing: what a proxy that knows no websockets looks like.
  window.WebSocket = class extends Real {
    constructor() {
      super("wss://localhost:1/");
    }
  };
}

test("where websockets are blocked, the room goes on by events and posts", async ({ browser, admin }) => {
  test.setTimeout(120_000);
  const room = await admin.room("Hinter dem Proxy", { lobby: true });
  const [host, guests] = await Promise.all([admin.link(room, "trainer"), admin.link(room, "participant")]);
  const trainer = await open(browser, host.url);
  await enter(trainer.page, "Miriam Trainerin");
  await expect(trainer.page.getByText("Verbindung gut")).toBeVisible();

  const inside = await open(browser, guests.url, noWebsockets);
  const join = await prepare(inside.page, "Paul Proxy");
  await join.click();
  await trainer.page.getByRole("button", { name: "Ansehen" }).click();
  await trainer.page.getByRole("button", { name: "Paul Proxy hereinlassen", exact: true }).click();
  await expect(inside.page.getByText("Verbindung gut")).toBeVisible({ timeout: 30_000 });
  await sees(inside.page, "Miriam");
  await sees(trainer.page, "Paul");
  await hears(inside.page);
  await hears(trainer.page);
});
