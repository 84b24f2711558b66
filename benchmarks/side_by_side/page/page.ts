/** One viewer, named in the page's address, on the phantom; the script of gestures is benchmarks/side_by_side's. */
import { makeVoxels, type Open } from "./phantom";

const doors: Record<string, () => Promise<{ readonly open: Open }>> = {
  consilium: () => import("./consilium"),
  niivue: () => import("./niivue"),
  cornerstone: () => import("./cornerstone"),
};

async function load(): Promise<number> {
  const door = doors[location.hash.slice(1)];
  if (door === undefined) throw new Error(`no viewer named ${location.hash}`);
  const { open } = await door();
  const voxels = makeVoxels();
  const began = performance.now();
  const opened = await open(voxels);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  Object.assign(window, { opened });
  return performance.now() - began;
}

Object.assign(window, { loaded: load() });
