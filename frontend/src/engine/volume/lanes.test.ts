import { describe, expect, it } from "vitest";
import { RowRuns } from "../labels/RowRuns";
import { feedRowRuns } from "../render/feeds";
import { SlabDecoder } from "../workers/SlabDecoder";
import { Lanes } from "./lanes";

const never = () => new Promise<never>(() => undefined);

describe("lanes", () => {
  it("take work in the order asked, and get free again when work fails", async () => {
    const lanes = new Lanes(1, never);
    const order: string[] = [];
    const work = (name: string) => lanes.run(async () => void order.push(name));

    const failing = lanes.run(() => Promise.reject(new Error("no route to host")));
    await Promise.all([expect(failing).rejects.toThrow("no route to host"), work("a"), work("b")]);
    await work("c");

    expect(order).toEqual(["a", "b", "c"]);
  });

  it("begin nothing while a stroke is on its way, and go on when it has arrived or failed", async () => {
    const lanes = new Lanes(1, never);
    const order: string[] = [];
    const slab = (name: string) => lanes.run(async () => void order.push(name));
    let arrive: () => void = () => undefined;
    const stroke = lanes.goAhead(
      () =>
        new Promise<void>((resolve) => {
          arrive = resolve;
        }),
    );
    const failing = lanes.goAhead(() => Promise.reject(new Error("no route to host")));

    const slabs = [slab("a"), slab("b")];
    await expect(failing).rejects.toThrow("no route to host");
    expect(order).toEqual([]);
    arrive();
    await Promise.all([stroke, ...slabs]);

    expect(order).toEqual(["a", "b"]);
  });

  it("begin again though a stroke is never answered", async () => {
    let endWait: () => void = () => undefined;
    const lanes = new Lanes(
      1,
      () =>
        new Promise((resolve) => {
          endWait = resolve;
        }),
    );
    void lanes.goAhead(never);
    const slab = lanes.run(async () => "here");
    endWait();
    expect(await slab).toBe("here");
  });

  it("are shared by all readings that load at once, so that a stroke finds a connection", async () => {
    let [underway, most] = [0, 0];
    const fetchSlab = async () => {
      underway += 1;
      most = Math.max(most, underway);
      await new Promise((resolve) => setTimeout(resolve, 1));
      underway -= 1;
      return new ArrayBuffer(4);
    };
    const listener = { arrived: () => undefined, failed: (sentence: string) => expect.fail(sentence) };
    const readings = Array.from({ length: 19 }, () => new RowRuns(2, 2, 8, 1));

    const decoder = new SlabDecoder();
    await Promise.all(readings.map((runs) => feedRowRuns(runs, fetchSlab, "uint8", 0, decoder, listener).finished));

    expect(readings.every((runs) => runs.isComplete)).toBe(true);
    expect(most).toBe(3);
  });
});
