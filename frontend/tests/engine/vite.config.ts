/** Builds the engine's bare page for browser tests: `vite build --config tests/engine/vite.config.ts --outDir …`. */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  build: { emptyOutDir: true, assetsInlineLimit: 0, target: "es2022" },
  worker: { format: "es" },
});
