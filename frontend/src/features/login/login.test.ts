import { expect, test } from "vitest";
import { ownAddress } from "./ownAddress";

test("after sign-in only addresses of our own origin are followed", () => {
  expect(ownAddress("/projects/7?tab=jobs")).toBe("/projects/7?tab=jobs");
  for (const foreign of [
    null,
    "",
    "https://elsewhere.example",
    "//elsewhere.example",
    "/\\elsewhere.example",
    "javascript:x",
  ])
    expect(ownAddress(foreign)).toBe("/");
});
