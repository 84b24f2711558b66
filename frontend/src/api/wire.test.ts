import { describe, expect, test } from "vitest";
import { readEvent } from "./events";
import { asProblem, problemFrom } from "./problem";

describe("a refusal", () => {
  test("keeps the server's title, detail, code and further members", () => {
    const problem = problemFrom(412, {
      title: "Stale",
      detail: "Fetch again.",
      code: "revision-is-stale",
      etag: '"r.2"',
    });

    expect(problem).toMatchObject({ status: 412, title: "Stale", detail: "Fetch again.", code: "revision-is-stale" });
    expect(problem.extra).toEqual({ etag: '"r.2"' });
  });

  test("by a proxy's page is put into words as well", () => {
    expect(problemFrom(502, "<html>Bad gateway</html>")).toMatchObject({ status: 502, code: "unexpected-answer" });
  });

  test("is never hidden, whatever was thrown", () => {
    expect(asProblem("odd").detail).toBe("odd");
  });
});

describe("an event", () => {
  test("is ids only", () => {
    expect(readEvent("job", '{"id":"j1","project_id":"p1","extra":1}')).toEqual({
      type: "job",
      id: "j1",
      projectId: "p1",
      editSeq: null,
      headRevisionId: null,
    });
  });

  test("of a segmentation says how far it is", () => {
    const told = '{"id":"s1","project_id":"p1","edit_seq":7,"head_revision_id":"r2"}';

    expect(readEvent("segmentation", told)).toMatchObject({ id: "s1", editSeq: 7, headRevisionId: "r2" });
  });

  test("that is not ours is passed over", () => {
    expect(readEvent("job", "not json")).toBeNull();
  });
});
