/** Sends collected files, a few at a time, and tells how far each is. One failed file never stops the others. */
import { asProblem, sendFile } from "../../../api";
import type { Chosen } from "./collect";

export type FileState = { path: string; size: number; share: number; problem: string | null };

const atOnce = 3;

/**
 * Resolves when every file was sent or failed. `onChange` is told the state of file n whenever it moves.
 * Nothing is retried here: a dropped folder can be dropped again, and the server knows files it already has.
 */
export async function uploadAll(
  importId: string,
  files: readonly Chosen[],
  onChange: (n: number, state: FileState) => void,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const sendNext = async (): Promise<void> => {
    while (next < files.length && !signal.aborted) {
      const n = next++;
      const chosen = files[n];
      if (chosen) await sendOne(importId, chosen, (state) => onChange(n, state), signal);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sendNext));
}

async function sendOne(
  importId: string,
  { path, file }: Chosen,
  onChange: (state: FileState) => void,
  signal: AbortSignal,
): Promise<void> {
  const state = { path, size: file.size, share: 0, problem: null };
  try {
    const address = `/imports/${importId}/files?path=${encodeURIComponent(path)}`;
    await sendFile(address, file, (share) => onChange({ ...state, share }), signal);
    onChange({ ...state, share: 1 });
  } catch (error) {
    onChange({ ...state, problem: asProblem(error).detail });
  }
}
