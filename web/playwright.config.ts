// Browser stories against the real binary: one worker, because a story has several browsers and this machine two cores.
// Chromium comes from the system (CHROMIUM_BIN or /usr/bin/chromium), never from a download.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  // Generous: axe in two themes on a loaded machine takes seconds a page, and stories look at many pages.
  timeout: 240_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    headless: true,
    locale: "de-DE",
    timezoneId: "Europe/Berlin",
    viewport: { width: 1280, height: 800 },
    // The server makes its own certificate authority at the first start.
    ignoreHTTPSErrors: true,
    trace: "off",
    launchOptions: {
      executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
        "--allow-loopback-in-peer-connection",
        "--mute-audio",
      ],
    },
  },
});
