// How the web client is built: into web/dist, which the server embeds. Every asset is hashed under /assets, nothing
// is inlined into the page (S-10), and what only some screens need (editor, React Aria) stays out of the join page.
import { paraglideVitePlugin } from "@inlang/paraglide-js";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.WERKRAUM_DEV_SERVER ?? "https://localhost:8443";

export default defineConfig({
  plugins: [
    paraglideVitePlugin({
      project: "./project.inlang",
      outdir: "./src/paraglide",
      strategy: ["globalVariable", "baseLocale"],
    }),
    react(),
  ],
  build: {
    outDir: "dist",
    assetsDir: "assets",
    // A font or picture as data: URL would need a wider content policy.
    assetsInlineLimit: 0,
    target: "es2022",
    manifest: "manifest.json",
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules\/(react|react-dom|scheduler)\// },
            { name: "yjs", test: /node_modules\/(yjs|lib0|y-protocols|y-indexeddb)\// },
            {
              name: "editor",
              test: /node_modules\/(@tiptap|prosemirror-[a-z-]+|orderedmap|rope-sequence|w3c-keyname|linkifyjs)\//,
            },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: {
      "/api": { target: server, secure: false, ws: true, changeOrigin: true },
      "/pads": { target: server, secure: false, ws: true, changeOrigin: true },
    },
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}", "scripts/**/*.test.ts"],
    environment: "node",
  },
});
