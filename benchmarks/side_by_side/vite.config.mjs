/** Builds the page; Vite itself is the front end's. Cornerstone3D reaches for Node's `events`, which a browser has not. */
export default {
  root: new URL("./page", import.meta.url).pathname,
  base: "./",
  resolve: { alias: { events: new URL("./node_modules/events/events.js", import.meta.url).pathname } },
  build: { emptyOutDir: true, assetsInlineLimit: 0, target: "es2022", chunkSizeWarningLimit: 9000 },
  worker: { format: "es" },
};
