/** The `rank`-th smallest of some numbers (1: the least), by partition; reorders them. Hoare, Comm. ACM 4 (1961), algorithm 65. */
export function smallest(numbers: Float64Array, rank: number): number {
  let [first, last] = [0, numbers.length - 1];
  while (first < last) {
    const pivot = numbers[(first + last) >> 1] as number;
    let [low, high] = [first, last];
    while (low <= high) {
      while ((numbers[low] as number) < pivot) low++;
      while ((numbers[high] as number) > pivot) high--;
      if (low > high) break;
      [numbers[low], numbers[high]] = [numbers[high] as number, numbers[low] as number];
      low++;
      high--;
    }
    if (rank - 1 <= high) last = high;
    else if (rank - 1 >= low) first = low;
    else break;
  }
  return numbers[rank - 1] as number;
}
