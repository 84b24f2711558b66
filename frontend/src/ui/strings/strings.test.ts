import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { t } from "./index";

const source = join(import.meta.dirname, "../..");

function pages(folder: string): string[] {
  return readdirSync(join(source, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".tsx"))
    .map((file) => join(source, folder, file));
}

/** Every leaf of the catalogue with its path; functions are left to their own tests. */
function leaves(node: unknown, path = ""): [string, string][] {
  if (typeof node === "string") return [[path, node]];
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([name, child]) => leaves(child, `${path}.${name}`));
}

describe("the catalogue", () => {
  test("has no empty and no untrimmed text", () => {
    const bad = leaves(t).filter(([, text]) => text.trim() === "" || text !== text.trim());

    expect(bad).toEqual([]);
  });

  test("says the intended use in the agreed words", () => {
    expect(t.banner).toBe("Research use only. Not a medical device. Not for diagnosis.");
  });

  test("counts in the singular and the plural", () => {
    expect(t.save.offline(1)).toBe("1 stroke waiting: offline, trying again");
    expect(t.save.offline(3)).toBe("3 strokes waiting: offline, trying again");
    expect(t.read.voxels(2_500_000)).toBe("2,500,000 voxels");
  });

  test("gives sizes, times and bytes their units", () => {
    expect(t.units.size([128, 96, 1])).toBe("128 × 96");
    expect(t.units.size([512, 512, 300])).toBe("512 × 512 × 300");
    expect([0, 999, 1500, 157_000_000].map(t.units.bytes)).toEqual(["0 B", "999 B", "1.5 kB", "157 MB"]);
    expect([4.4, 74, 3720].map(t.units.duration)).toEqual(["4 s", "1 min 14 s", "1 h 2 min"]);
  });

  test("puts a phase without steps into words without numbers", () => {
    expect(t.jobs.step("loading", 0, 0)).toBe("Loading");
    expect(t.jobs.step("", 3, 10)).toBe("Working: step 3 of 10");
  });
});

describe("pages", () => {
  test.each([...pages("features"), ...pages("ui")])("%s takes all its words from the catalogue", (file) => {
    const code = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const inTags = [...code.matchAll(/>\s*([A-Za-z][\w ,.'!?-]*)\s*<\//g)].map((match) => match[1]);
    const inAttributes = [...code.matchAll(/\b(?:aria-label|label|title|placeholder|description|alt)="([^"]+)"/g)]
      .map((match) => match[1])
      .filter((words) => words !== "Ctrl+Enter");

    expect([...inTags, ...inAttributes]).toEqual([]);
  });
});
