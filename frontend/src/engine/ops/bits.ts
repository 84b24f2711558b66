/** One bit per voxel: no Map, no Set, 10 MB for 512×512×300. */
export class Bits {
  private readonly words: Uint32Array;

  constructor(voxels: number) {
    this.words = new Uint32Array(Math.ceil(voxels / 32));
  }

  has(index: number): boolean {
    return ((this.words[Math.floor(index / 32)] as number) & (1 << (index % 32))) !== 0;
  }

  set(index: number): void {
    const word = Math.floor(index / 32);
    this.words[word] = (this.words[word] as number) | (1 << (index % 32));
  }

  clear(index: number): void {
    const word = Math.floor(index / 32);
    this.words[word] = (this.words[word] as number) & ~(1 << (index % 32));
  }
}
