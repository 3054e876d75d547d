// `cargo xtask prove udp-blocked`, `… reconnect` and `… media`: long proofs with real browsers behind
// networks of their own. They need root (network namespaces, nftables), take minutes and are no part of `./run test`.
import stories from "../playwright.config";

export default {
  ...stories,
  testDir: "proofs",
  testMatch: "*.proof.ts",
  outputDir: "../test-results/proofs",
  timeout: 3_600_000,
  use: { ...stories.use, actionTimeout: 20_000 },
};
