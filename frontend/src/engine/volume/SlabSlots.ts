/** Which slabs hold one of a few places in memory. Who needs a place when all are taken gets that of the slab unused for longest. */
export class SlabSlots {
  /** slab → place, the one unused for longest first: a Map keeps the order of insertion */
  private readonly placeOf = new Map<number, number>();

  constructor(readonly count: number) {}

  find(slab: number): number | undefined {
    return this.placeOf.get(slab);
  }

  /** Counts as used just now, if it is here. */
  use(slab: number): void {
    const place = this.placeOf.get(slab);
    if (place === undefined) return;
    this.placeOf.delete(slab);
    this.placeOf.set(slab, place);
  }

  /** The slab's place, its own or one that another slab loses. */
  take(slab: number): number {
    this.use(slab);
    const own = this.placeOf.get(slab);
    if (own !== undefined) return own;
    let place = this.placeOf.size;
    if (place === this.count) {
      const [oldest, freed] = this.placeOf.entries().next().value as [number, number];
      this.placeOf.delete(oldest);
      place = freed;
    }
    this.placeOf.set(slab, place);
    return place;
  }
}
