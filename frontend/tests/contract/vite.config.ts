/** Builds the engine for Node: `vite build --config tests/contract/vite.config.ts --outDir …` writes replay.js and speed.js there. */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  build: {
    ssr: true,
    rollupOptions: { input: ["replay.ts", "speed.ts"] },
    emptyOutDir: true,
    target: "node20",
    minify: false,
  },
});
