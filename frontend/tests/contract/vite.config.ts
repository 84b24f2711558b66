/** Builds the engine for Node: `vite build --config tests/contract/vite.config.ts --outDir …` writes replay.js there. */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  build: { ssr: "replay.ts", emptyOutDir: true, target: "node20", minify: false },
});
