/**
 * Builds the single page into `dist/`, which the API serves under a strict policy (VIEWER.md, section 13):
 * nothing may be inlined as `data:`, and workers are files of our own origin.
 * `npm run dev` proxies the API, so cookies and the origin check behave as in production.
 */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env.CONSILIUM_DEV_API ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  // The largest chunk is NiiVue's, fetched when somebody opens the 3D view; the first page's is held by benchmarks/viewer.
  build: { outDir: "dist", assetsInlineLimit: 0, sourcemap: false, target: "es2022", chunkSizeWarningLimit: 900 },
  worker: { format: "es" },
  server: { port: 5173, proxy: { "/api": api, "/healthz": api, "/readyz": api } },
  test: { environment: "node", include: ["src/**/*.test.ts", "tests/**/*.test.ts"], reporters: ["default"] },
});
