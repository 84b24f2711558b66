/**
 * Pointer and wheel events of one canvas → presses, samples and steps for the viewer.
 *
 * Coalesced events where the browser has them (not over plain HTTP), else the event itself. Left: tool; right: its
 * opposite; middle: pan; the pen's eraser end erases. Once a pen was seen, single touches are a resting palm. Two
 * fingers pan and zoom.
 */
import type { ScreenPoint } from "../geometry/viewTransform";
import type { Sample } from "../tools/Gesture";
import type { PressKind } from "../tools/Toolbox";
import type { SliceView } from "./SliceView";

export interface PointerHost {
  press(view: SliceView, kind: PressKind, sample: Sample): void;
  drag(view: SliceView, samples: readonly Sample[]): void;
  release(): void;
  cancel(): void;
  doubleClick(view: SliceView): void;
  /** null: the pointer left */
  hover(view: SliceView, sample: Sample | null, isShift: boolean): void;
  wheelSlices(view: SliceView, steps: number): void;
  wheelBrush(steps: number): void;
}

const ERASER_BUTTON = 5;
/** A wheel notch is about 100 px; smaller deltas come from touch pads and are summed up. */
const NOTCH_PX = 60;
const TOUCH_PAD_STEP_PX = 30;
const WHEEL_ZOOM_PX = 400;

export class PointerInput {
  private readonly listening = new AbortController();
  private readonly fingers = new Map<number, ScreenPoint>();
  private pressed: number | null = null;
  private sawPen = false;
  private wheelRest = 0;

  constructor(
    private readonly view: SliceView,
    private readonly host: PointerHost,
  ) {
    const { canvas } = view;
    canvas.style.touchAction = "none";
    const { signal } = this.listening;
    canvas.addEventListener("pointerdown", (event) => this.down(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.move(event), { signal });
    canvas.addEventListener("pointerup", (event) => this.up(event), { signal });
    canvas.addEventListener("pointercancel", (event) => this.lose(event), { signal });
    canvas.addEventListener("pointerleave", () => this.leave(), { signal });
    canvas.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    canvas.addEventListener("dblclick", () => this.host.doubleClick(this.view), { signal });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    // Middle button: no autoscroll.
    canvas.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault(), { signal });
  }

  stop(): void {
    this.listening.abort();
  }

  private down(event: PointerEvent): void {
    if (event.pointerType === "pen") this.sawPen = true;
    this.view.canvas.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch" && this.addFinger(event)) return;
    if (this.pressed !== null) return;
    this.pressed = event.pointerId;
    this.host.press(this.view, findKind(event), this.view.sample(event.clientX, event.clientY));
  }

  /** True when this finger is no press: a palm beside a pen, or the second of two. */
  private addFinger(event: PointerEvent): boolean {
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.fingers.size === 2 && this.pressed !== null && this.fingers.has(this.pressed)) {
      this.pressed = null;
      this.host.cancel();
    }
    return this.sawPen || this.fingers.size > 1;
  }

  private move(event: PointerEvent): void {
    if (this.fingers.size === 2 && this.fingers.has(event.pointerId)) {
      this.pinch(event);
      return;
    }
    if (this.pressed === event.pointerId) {
      const samples = readCoalesced(event).map((each) => this.view.sample(each.clientX, each.clientY));
      this.host.drag(this.view, samples);
    }
    if (event.pointerType !== "touch") this.hover(event);
  }

  private hover(event: MouseEvent): void {
    this.host.hover(this.view, this.view.sample(event.clientX, event.clientY), event.shiftKey);
  }

  private pinch(event: PointerEvent): void {
    const before = [...this.fingers.values()] as [ScreenPoint, ScreenPoint];
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = [...this.fingers.values()] as [ScreenPoint, ScreenPoint];
    const [from, to] = [findMiddle(before), findMiddle(after)];
    this.view.pan(to.x - from.x, to.y - from.y);
    const factor = measure(after) / Math.max(1, measure(before));
    this.view.zoom(factor, this.view.sample(to.x, to.y).at);
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (this.pressed !== event.pointerId) return;
    // The release position is a sample too: a fast flick may end far from the last move.
    this.host.drag(this.view, [this.view.sample(event.clientX, event.clientY)]);
    this.pressed = null;
    this.host.release();
  }

  /** The system took the pointer away. A touch was no stroke (a palm, a swipe); a mouse or pen stroke is kept. */
  private lose(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (this.pressed !== event.pointerId) return;
    this.pressed = null;
    if (event.pointerType === "touch") this.host.cancel();
    else this.host.release();
  }

  private leave(): void {
    if (this.pressed === null) this.host.hover(this.view, null, false);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    // Shift swaps the axes on some systems.
    const delta = event.deltaY || event.deltaX;
    if (event.ctrlKey) {
      const px = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? delta : delta * 30;
      this.view.zoom(Math.exp(-px / WHEEL_ZOOM_PX), this.view.sample(event.clientX, event.clientY).at);
      this.hover(event);
      return;
    }
    const steps = this.countSteps(event, delta);
    if (steps === 0) return;
    if (event.shiftKey) this.host.wheelBrush(-steps);
    else this.host.wheelSlices(this.view, steps);
  }

  private countSteps(event: WheelEvent, delta: number): number {
    if (event.deltaMode !== WheelEvent.DOM_DELTA_PIXEL || Math.abs(delta) >= NOTCH_PX) {
      this.wheelRest = 0;
      return Math.sign(delta);
    }
    this.wheelRest += delta;
    const steps = Math.trunc(this.wheelRest / TOUCH_PAD_STEP_PX);
    this.wheelRest -= steps * TOUCH_PAD_STEP_PX;
    return steps;
  }
}

function findKind(event: PointerEvent): PressKind {
  if (event.button === ERASER_BUTTON) return "eraser";
  if (event.button === 1) return "pan";
  return event.button === 2 ? "opposite" : "tool";
}

function readCoalesced(event: PointerEvent): readonly PointerEvent[] {
  const coalesced = typeof event.getCoalescedEvents === "function" ? event.getCoalescedEvents() : [];
  return coalesced.length > 0 ? coalesced : [event];
}

function findMiddle([a, b]: readonly [ScreenPoint, ScreenPoint]): ScreenPoint {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function measure([a, b]: readonly [ScreenPoint, ScreenPoint]): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
