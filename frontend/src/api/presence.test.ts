import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchPresence } from "./presence";

describe("the report of gestures", () => {
  const page = new EventTarget();
  let reports: number[] = [];
  let stop: () => void;

  const gesture = () => page.dispatchEvent(new Event("wheel"));

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("window", page);
    reports = [];
    stop = watchPresence(60, (secondsAgo) => reports.push(secondsAgo));
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("comes at once after a pause", () => {
    gesture();
    vi.advanceTimersByTime(1);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toBeLessThan(0.1);
  });

  it("of further gestures comes once a sixth of the idle time, with the age of the last one", () => {
    gesture();
    for (let second = 1; second <= 4; second++) {
      vi.advanceTimersByTime(1000);
      gesture();
    }
    vi.advanceTimersByTime(60_000);
    expect(reports.map(Math.round)).toEqual([0, 6]);
  });

  it("never comes without one, nor after the watch has ended", () => {
    vi.advanceTimersByTime(120_000);
    gesture();
    stop();
    vi.advanceTimersByTime(120_000);
    expect(reports).toEqual([]);
  });
});
