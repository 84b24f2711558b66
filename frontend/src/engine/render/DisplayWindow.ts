/** What stored values look like: which are black and white, and which the threshold tool tints. One table for all views. */
import type { ImageInfo, ValueRange } from "../types";
import { buildWindowTable, normaliseWindow, tintWindowTable, type Window } from "../volume/windowTable";

export class DisplayWindow {
  #range: Window;
  #tint: ValueRange | null = null;
  /** Rebuilt in place: whoever holds it sees the change. */
  readonly table: Uint32Array<ArrayBuffer>;

  /** `changed` is told each time the table was rebuilt. */
  constructor(
    private readonly info: ImageInfo,
    private readonly changed: () => void,
  ) {
    this.#range = normaliseWindow({ low: info.windowLow, high: info.windowHigh }, info);
    this.table = buildWindowTable(this.#range, info);
  }

  get range(): Window {
    return this.#range;
  }

  set range(window: Window) {
    this.#range = normaliseWindow(window, this.info);
    this.rebuild();
  }

  /** Tints the values of a range, or none. */
  tint(range: ValueRange | null): void {
    if (range === this.#tint) return;
    this.#tint = range;
    this.rebuild();
  }

  private rebuild(): void {
    buildWindowTable(this.#range, this.info, this.table);
    if (this.#tint !== null) tintWindowTable(this.table, this.#tint, this.info);
    this.changed();
  }
}
