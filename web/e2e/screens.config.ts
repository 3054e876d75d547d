// `npm run screens`: every screen of the client photographed and checked, by the real server. Pictures: test-results/screens.
import stories from "../playwright.config";

export default {
  ...stories,
  testDir: "screens",
  testMatch: "*.screens.ts",
  outputDir: "../test-results/screens-run",
  timeout: 1_500_000,
  use: { ...stories.use, actionTimeout: 20_000 },
};
