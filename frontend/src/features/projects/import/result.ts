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

/** One image that an upload holds, before it is kept. */
export type FoundImage = {
  name: string;
  modality: string;
  /** voxels along x, y, z */
  dims: number[];
  /** null where the file knows no size */
  spacingMm: number[] | null;
  /** the patient's side each axis runs to, such as LPS; null without orientation */
  axes: string | null;
  /** the same of the file's own axes, where they are stored in another order or direction */
  fileAxes: string | null;
  tiltDegrees: number | null;
  geometry: string;
  warnings: string[];
  files: number;
  duplicate: boolean;
};

export type ImportReport = { images: FoundImage[]; readings: [string, number][]; verdicts: VerdictOut[] };

export function readReport(result: Readonly<Record<string, unknown>> | null): ImportReport {
  const images = Array.isArray(result?.images) ? result.images.flatMap((one) => readImage(one) ?? []) : [];
  const counted = isRecord(result?.readings) ? Object.entries(result.readings) : [];
  const readings = counted.filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return { images, readings, verdicts: readVerdicts(result).verdicts };
}

function readImage(value: unknown): FoundImage | null {
  if (!isRecord(value) || typeof value.name !== "string" || typeof value.geometry !== "string") return null;
  return {
    name: value.name,
    modality: typeof value.modality === "string" ? value.modality : "",
    dims: numbers(value.dims) ?? [],
    spacingMm: numbers(value.spacing_mm),
    axes: typeof value.axes === "string" ? value.axes : null,
    fileAxes: typeof value.file_axes === "string" ? value.file_axes : null,
    tiltDegrees: typeof value.tilt_degrees === "number" ? value.tilt_degrees : null,
    geometry: value.geometry,
    warnings: Array.isArray(value.warnings) ? value.warnings.filter((one) => typeof one === "string") : [],
    files: typeof value.files === "number" ? value.files : 1,
    duplicate: value.duplicate === true,
  };
}

function numbers(value: unknown): number[] | null {
  return Array.isArray(value) ? value.filter((one) => typeof one === "number") : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
