/** One requestAnimationFrame for all views of a page: however many asks come in, each painter runs once a frame. */

export type Painter = () => void;

export class FrameScheduler {
  private readonly asked = new Set<Painter>();
  private frame: number | null = null;

  /** Runs `painter` in the next frame, in the order of first asking. */
  ask(painter: Painter): void {
    this.asked.add(painter);
    this.frame ??= requestAnimationFrame(() => this.run());
  }

  forget(painter: Painter): void {
    this.asked.delete(painter);
  }

  stop(): void {
    this.asked.clear();
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  private run(): void {
    this.frame = null;
    const painters = [...this.asked];
    this.asked.clear();
    for (const paint of painters) paint();
  }
}
