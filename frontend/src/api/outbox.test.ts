import { describe, expect, test } from "vitest";
import {
  type EditKeeper,
  Outbox,
  type OutboxPort,
  type OutgoingEdit,
  type Position,
  type PostAnswer,
  type Rebased,
  retryDelay_ms,
} from "./outbox";

const start: Position = { baseRevisionId: "r1", etag: '"r1.0"', seq: 0 };

function stroke(editId: string): OutgoingEdit {
  return {
    editId,
    tool: "brush",
    sourceRevisionId: null,
    undoes: null,
    runs: `runs of ${editId}`,
    checksums: [{ z: 0, crc32: 7 }],
  };
}

/** A server small enough to read: it keeps edits in order, knows their ids, judges the ETag after the id. */
class FakeServer implements OutboxPort {
  readonly kept: string[] = [];
  readonly seen: string[] = [];
  inFlight = 0;
  mostInFlight = 0;
  rebasedOver: string[] = [];
  readonly checked: string[] = [];
  /** What happens to the next requests, first to last; "fine" when empty. */
  weather: ("fine" | "cut before" | "cut after" | "signed out" | "refuse")[] = [];

  #etag(): string {
    return `"r1.${this.kept.length}"`;
  }

  async post(edit: OutgoingEdit, position: Position): Promise<PostAnswer> {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await Promise.resolve();
    this.inFlight -= 1;
    const weather = this.weather.shift();
    this.seen.push(edit.editId);
    if (weather === "cut before") throw new TypeError("network");
    if (weather === "signed out") return { kind: "signed-out" };
    if (weather === "refuse")
      return { kind: "refused", code: "conflict", detail: "The case was withdrawn; ask the manager." };
    const known = this.kept.indexOf(edit.editId);
    if (known < 0 && position.etag !== this.#etag()) return { kind: "stale" };
    if (known < 0) this.kept.push(edit.editId);
    if (edit.checksums) this.checked.push(edit.editId);
    if (weather === "cut after") throw new TypeError("network");
    const seq = known < 0 ? this.kept.length : known + 1;
    return { kind: "saved", seq, etag: `"r1.${seq}"` };
  }

  async rebase(waiting: () => readonly OutgoingEdit[]): Promise<Rebased> {
    await Promise.resolve();
    if (this.weather.shift() === "cut before") throw new TypeError("network");
    this.rebasedOver = waiting().map((edit) => edit.editId);
    const arrived = new Set(this.rebasedOver.filter((id) => this.kept.includes(id)));
    return { position: { baseRevisionId: "r1", etag: this.#etag(), seq: this.kept.length }, arrived };
  }
}

/** A journal one can read. */
class FakeKeeper implements EditKeeper {
  readonly kept = new Set<string>();
  readonly everKept: string[] = [];

  async keep({ editId }: OutgoingEdit): Promise<void> {
    await Promise.resolve();
    this.kept.add(editId);
    this.everKept.push(editId);
  }

  async forget(editId: string): Promise<void> {
    await Promise.resolve();
    this.kept.delete(editId);
  }
}

function outboxFor(
  server: OutboxPort,
  pauses: number[] = [],
  keeper: EditKeeper = new FakeKeeper(),
  waiting: readonly OutgoingEdit[] = [],
): Outbox {
  const clock = {
    now: () => new Date(0),
    random: () => 0.5,
    pause: async (ms: number) => {
      pauses.push(ms);
      if (pauses.length > 50) throw new Error("the outbox retries without end");
    },
  };
  return new Outbox(start, server, clock, keeper, waiting);
}

describe("the outbox", () => {
  test("sends strokes in order, one request in flight", async () => {
    const server = new FakeServer();
    const outbox = outboxFor(server);

    for (const id of ["a", "b", "c"]) outbox.add(stroke(id));
    await outbox.drain();

    expect(server.kept).toEqual(["a", "b", "c"]);
    expect(server.mostInFlight).toBe(1);
    expect(outbox.state).toEqual({ kind: "saved", at: new Date(0) });
    expect(outbox.position).toEqual({ baseRevisionId: "r1", etag: '"r1.3"', seq: 3 });
  });

  test("a lost reply is repeated under the same id and is not a conflict", async () => {
    const server = new FakeServer();
    server.weather = ["cut after"];
    const outbox = outboxFor(server);

    outbox.add(stroke("a"));
    outbox.add(stroke("b"));
    await outbox.drain();

    expect(server.seen).toEqual(["a", "a", "b"]);
    expect(server.kept).toEqual(["a", "b"]);
    expect(server.rebasedOver).toEqual([]);
  });

  test("a stale revision is rebased and everything waiting is sent again on top", async () => {
    const server = new FakeServer();
    server.kept.push("theirs");
    const outbox = outboxFor(server);

    outbox.add(stroke("mine 1"));
    outbox.add(stroke("mine 2"));
    await outbox.drain();

    expect(server.rebasedOver).toEqual(["mine 1", "mine 2"]);
    expect(server.kept).toEqual(["theirs", "mine 1", "mine 2"]);
    expect(server.checked).toEqual([]);
  });

  test("a stroke that ends while the missed edits travel is rebased too", async () => {
    const server = new FakeServer();
    server.kept.push("theirs");
    const outbox = outboxFor(server);

    outbox.add(stroke("mine 1"));
    await Promise.resolve();
    outbox.add(stroke("late"));
    await outbox.drain();

    expect(server.rebasedOver).toEqual(["mine 1", "late"]);
    expect(server.kept).toEqual(["theirs", "mine 1", "late"]);
  });

  test("offline strokes wait with growing pauses, say how many they are, and arrive once", async () => {
    const server = new FakeServer();
    server.weather = ["cut before", "cut before", "cut before"];
    const pauses: number[] = [];
    const outbox = outboxFor(server, pauses);
    const said: string[] = [];
    outbox.subscribe((state) => said.push(state.kind === "offline" ? `${state.kind} ${state.waiting}` : state.kind));

    outbox.add(stroke("a"));
    outbox.add(stroke("b"));
    await outbox.drain();

    expect(pauses).toEqual([600, 1200, 2400]);
    expect(said).toContain("offline 2");
    expect(said.at(-1)).toBe("saved");
    expect(server.kept).toEqual(["a", "b"]);
  });

  test("an ended session keeps the strokes and goes on after the next sign-in", async () => {
    const server = new FakeServer();
    server.weather = ["signed out", "signed out"];
    const outbox = outboxFor(server);
    const said: string[] = [];
    outbox.subscribe((state) => said.push(state.kind));

    outbox.add(stroke("a"));
    await outbox.drain();

    expect(said).toContain("signed-out");
    expect(server.kept).toEqual(["a"]);
  });

  test("a refused stroke stops the queue, keeps what waits and hands on the server's words", async () => {
    const server = new FakeServer();
    server.weather = ["refuse"];
    const outbox = outboxFor(server);

    outbox.add(stroke("a"));
    outbox.add(stroke("b"));

    await expect(outbox.drain()).rejects.toThrow("The case was withdrawn; ask the manager.");
    expect(server.kept).toEqual([]);
    expect(outbox.waiting).toHaveLength(2);
  });

  test("a stroke goes into the journal and to the server at once, and leaves the journal only when acknowledged", async () => {
    const server = new FakeServer();
    const keeper = new FakeKeeper();
    server.weather = ["cut after", "cut before"];
    const outbox = outboxFor(server, [], keeper);

    outbox.add(stroke("a"));
    expect(server.inFlight).toBe(1);
    outbox.add(stroke("b"));
    const unsubscribe = outbox.subscribe(() => {
      for (const edit of outbox.waiting) expect(keeper.everKept).toContain(edit.editId);
      for (const edit of outbox.waiting) expect(keeper.kept.has(edit.editId)).toBe(true);
    });
    await outbox.drain();
    unsubscribe();

    expect(keeper.everKept).toEqual(["a", "b"]);
    await expect.poll(() => [...keeper.kept]).toEqual([]);
  });

  test("a stroke acknowledged before the journal has it does not come back to life", async () => {
    const server = new FakeServer();
    const keeper = new FakeKeeper();
    const keep = keeper.keep.bind(keeper);
    let kept: () => void = () => undefined;
    keeper.keep = async (edit) => {
      await new Promise<void>((resolve) => {
        kept = resolve;
      });
      await keep(edit);
    };
    const outbox = outboxFor(server, [], keeper);

    outbox.add(stroke("a"));
    await outbox.drain();
    expect(server.kept).toEqual(["a"]);
    kept();

    await expect.poll(() => keeper.everKept).toEqual(["a"]);
    await expect.poll(() => [...keeper.kept]).toEqual([]);
  });

  test("what an earlier life of the browser left is sent first", async () => {
    const server = new FakeServer();
    const outbox = outboxFor(server, [], new FakeKeeper(), [stroke("old 1"), stroke("old 2")]);

    outbox.add(stroke("new"));
    await outbox.drain();

    expect(server.kept).toEqual(["old 1", "old 2", "new"]);
  });

  test("a stroke that arrived unnoticed before another window's is not sent again", async () => {
    const server = new FakeServer();
    server.kept.push("mine 1", "theirs");
    const outbox = outboxFor(server, [], new FakeKeeper(), [stroke("mine 1"), stroke("mine 2")]);

    outbox.refresh();
    await outbox.drain();

    expect(server.seen).toEqual(["mine 1", "mine 2"]);
    expect(server.kept).toEqual(["mine 1", "theirs", "mine 2"]);
  });

  test("news of another window's work is fetched though nothing of mine waits, and again after a cut", async () => {
    const server = new FakeServer();
    server.kept.push("theirs");
    server.weather = ["cut before"];
    const outbox = outboxFor(server);

    outbox.refresh();
    await outbox.drain();

    expect(outbox.position.seq).toBe(1);
    expect(outbox.state.kind).toBe("saved");
  });

  test("after a refusal it goes on when asked to, or gives up what was saved elsewhere", async () => {
    const server = new FakeServer();
    const keeper = new FakeKeeper();
    server.weather = ["refuse", "fine", "fine", "refuse"];
    const outbox = outboxFor(server, [], keeper);
    outbox.add(stroke("a"));
    await expect(outbox.drain()).rejects.toThrow();
    outbox.retry();
    await outbox.drain();
    expect(server.kept).toEqual(["a"]);

    outbox.add(stroke("b"));
    await expect(outbox.drain()).rejects.toThrow();
    await outbox.giveUp({ baseRevisionId: "r1", etag: '"r1.1"', seq: 1 }, outbox.waiting);

    expect(outbox.state.kind).toBe("saved");
    expect(keeper.kept.size).toBe(0);
  });

  test("a stroke drawn while what waited is kept elsewhere is sent on the new position", async () => {
    const server = new FakeServer();
    const keeper = new FakeKeeper();
    server.weather = ["refuse"];
    const outbox = outboxFor(server, [], keeper);
    outbox.add(stroke("a"));
    await expect(outbox.drain()).rejects.toThrow();
    const kept = outbox.waiting;
    outbox.add(stroke("late"));

    await outbox.giveUp(outbox.position, kept);
    await outbox.drain();

    expect(server.kept).toEqual(["late"]);
    expect(outbox.state.kind).toBe("saved");
    expect(keeper.kept.size).toBe(0);
  });

  test("a stroke that will never be taken is skipped, and those drawn after it arrive", async () => {
    const server = new FakeServer();
    const keeper = new FakeKeeper();
    server.weather = ["refuse"];
    const outbox = outboxFor(server, [], keeper);
    for (const editId of ["too large", "b", "c"]) outbox.add(stroke(editId));
    await expect(outbox.drain()).rejects.toThrow();

    await outbox.skip();
    expect(outbox.state.kind).toBe("refused");
    outbox.retry();
    await outbox.drain();

    expect(server.kept).toEqual(["b", "c"]);
    expect(keeper.kept.size).toBe(0);
  });

  test("a closed outbox takes no strokes and names the remedy", () => {
    const outbox = outboxFor(new FakeServer());

    outbox.close();

    expect(() => outbox.add(stroke("a"))).toThrow("open the case again");
  });
});

test("the pause before a retry never exceeds fifteen seconds nor falls below half its step", () => {
  expect(retryDelay_ms(1, 0)).toBe(400);
  expect(retryDelay_ms(1, 1)).toBe(800);
  expect(retryDelay_ms(30, 1)).toBe(15_000);
});
