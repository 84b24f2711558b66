export const units = {
  /** What the scanner was, where the file says so ("OT" is DICOM's word for: it does not), and the grid. */
  image: (modality: string, dims: readonly number[]): string =>
    [modality === "OT" ? "" : modality, units.size(dims)].filter(Boolean).join(" · "),
  size: (dims: readonly number[]) => dims.filter((n, axis) => axis < 2 || n > 1).join(" × "),
  bytes: (n: number) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    const power = Math.min(units.length - 1, n < 1 ? 0 : Math.floor(Math.log10(n) / 3));
    const value = n / 1000 ** power;
    return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
  },
  duration: (seconds: number) => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
    return `${Math.floor(whole / 86_400)} days`;
  },
  dateTime: (iso: string) =>
    new Date(iso).toLocaleString("en-GB", {
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
    }),
} as const;
