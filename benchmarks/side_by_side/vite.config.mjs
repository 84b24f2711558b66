/** Builds the page; Vite itself is the front end's. */
export default {
  root: new URL("./page", import.meta.url).pathname,
  base: "./",
  build: { emptyOutDir: true, assetsInlineLimit: 0, target: "es2022", chunkSizeWarningLimit: 9000 },
  worker: { format: "es" },
};
