/** When a label set may be saved. The server judges again; this only saves a round trip. */
import type { LabelOut } from "../../api";
import { t } from "../../ui/strings";

/** What is wrong with a label set, in words; null when it may be saved. */
export function faultOf(labels: readonly LabelOut[]): string | null {
  const values = labels.map((label) => label.value);
  if (labels.some((label) => label.name.trim() === "")) return t.labels.nameless;
  if (values.some((value) => !Number.isInteger(value) || value < 1 || value > 255)) return t.labels.badValue;
  if (new Set(values).size < values.length) return t.labels.twice;
  if (new Set(labels.map((label) => label.name.trim())).size < labels.length) return t.labels.twiceNamed;
  if (labels.some((label) => !/^#[0-9a-f]{6}$/.test(label.colour))) return t.labels.badColour;
  const codes = labels.map((label) => [label.code_scheme, label.code_value, label.code_meaning]);
  if (codes.some((code) => code.some(Boolean) && !code.every(Boolean))) return t.labels.halfCode;
  return null;
}
