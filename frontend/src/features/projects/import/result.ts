/** Reads an import job's result. A job's result is free JSON on the wire, so whatever does not fit is left out. */
import type { VerdictOut } from "../../../api";

export type ImportResult = { images: number; readings: number; verdicts: VerdictOut[] };

export function readVerdicts(result: Readonly<Record<string, unknown>> | null): ImportResult {
  const verdicts = Array.isArray(result?.verdicts) ? result.verdicts.filter(isVerdict) : [];
  return {
    images: Array.isArray(result?.images) ? result.images.length : 0,
    readings: typeof result?.readings === "number" ? result.readings : 0,
    verdicts,
  };
}

function isVerdict(value: unknown): value is VerdictOut {
  if (typeof value !== "object" || value === null) return false;
  const { file, status, code, message }: Partial<Record<keyof VerdictOut, unknown>> = value;
  return [file, status, code, message].every((member) => typeof member === "string");
}
