import { describe, expect, test } from "vitest";
import type { LabelOut } from "../../api";
import { collectFromInput } from "./import/collect";
import { readVerdicts } from "./import/result";
import { faultOf } from "./labelFaults";

const label = (value: number, name = "Brain", colour = "#56b4e9"): LabelOut => ({
  value,
  name,
  colour,
  code_scheme: null,
  code_value: null,
  code_meaning: null,
});

describe("a label set", () => {
  test("is right with different values, names and colours", () => {
    expect(faultOf([label(1), label(255, "Ventricles")])).toBeNull();
    expect(faultOf([])).toBeNull();
  });

  test("is refused with words for each fault", () => {
    expect(faultOf([label(1, " ")])).toContain("name");
    expect(faultOf([label(0)])).toContain("1 to 255");
    expect(faultOf([label(2), label(2, "Other")])).toContain("same value");
    expect(faultOf([label(1), label(2, "Brain ")])).toContain("same name");
    expect(faultOf([label(1, "Brain", "blue")])).toContain("#");
  });
});

describe("a dropped folder", () => {
  test("keeps paths and leaves system litter out, counted", () => {
    const file = (path: string) => ({ name: path.split("/").pop(), webkitRelativePath: path });
    const names = ["set/images/a.nii.gz", "set/.DS_Store", "set/__MACOSX/x", "set/Thumbs.db", "set/notes.txt"];

    const collected = collectFromInput(names.map(file) as unknown as FileList);

    expect(collected.chosen.map((one) => one.path)).toEqual(["set/images/a.nii.gz", "set/notes.txt"]);
    expect(collected.leftOut).toBe(3);
  });
});

describe("an import's result", () => {
  test("is read with what fits and without what does not", () => {
    const good = { file: "a.dcm", status: "accepted", code: "ok", message: "fine" };

    expect(readVerdicts({ images: [1, 2], readings: 3, verdicts: [good, { file: 7 }, null] })).toEqual({
      images: 2,
      readings: 3,
      verdicts: [good],
    });
  });

  test("may be missing", () => {
    expect(readVerdicts(null)).toEqual({ images: 0, readings: 0, verdicts: [] });
  });
});
