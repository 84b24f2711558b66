/**
 * The one place that talks to the server: openapi-fetch on the generated schema, and raw bytes for slabs and uploads.
 *
 * Every call either returns the parsed body or throws an `ApiProblem`. A 401 anywhere is announced to `onSignedOut`
 * listeners, so the page can ask for the password again without losing what is on the screen.
 */
import createClient from "openapi-fetch";
import { backgroundHeader, isBackground } from "./presence";
import { ApiProblem, problemFrom } from "./problem";
import type { paths } from "./schema";

export const base = "/api/v1";

const signedOutListeners = new Set<() => void>();

/** Be told when the server says that nobody is signed in. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

async function reach(request: Request): Promise<Response> {
  let response: Response;
  if (isBackground()) request.headers.set(backgroundHeader, "1");
  try {
    response = await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiProblem(
      0,
      "unreachable",
      "The server cannot be reached",
      "Check the network; what you drew is kept and sent later.",
    );
  }
  if (response.status === 401) for (const listener of signedOutListeners) listener();
  return response;
}

/** An answer that has not come by then never will: a network that lost the connection says nothing by itself for a quarter of an hour. */
const answer_ms = 60_000;

export const api = createClient<paths>({
  baseUrl: "",
  fetch: (request) =>
    reach(new Request(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(answer_ms)]) })),
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The body of a call, or its problem thrown. */
export async function body<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemFrom(response.status, error);
  // A 204 has no body; its type is `undefined` by the schema.
  return data as T;
}

async function parsed(response: Response): Promise<unknown> {
  const raw = await response.text();
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
}

/** Where a path of the API lies, for whoever fetches it without this client (a worker). */
export function addressOf(path: string): string {
  return new URL(base + path, location.href).href;
}

/** Bytes as the browser decompressed them. Throws an `ApiProblem` for anything but 200. */
export async function bytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  const response = await reach(new Request(base + path, { credentials: "same-origin", ...(signal && { signal }) }));
  if (!response.ok) throw problemFrom(response.status, await parsed(response));
  return response.arrayBuffer();
}

/** Send a small file as it is. Throws an `ApiProblem` for anything but success. */
export async function postFile(path: string, file: Blob): Promise<void> {
  const headers = { "Content-Type": "application/octet-stream" };
  const response = await reach(
    new Request(base + path, { method: "POST", credentials: "same-origin", headers, body: file }),
  );
  if (!response.ok) throw problemFrom(response.status, await parsed(response));
}

/**
 * Stream a file to the server. XMLHttpRequest because `fetch` reports no upload progress.
 * `progress` is given the share sent, 0 to 1.
 */
export function sendFile(
  path: string,
  file: Blob,
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const unreachable = () =>
      reject(new ApiProblem(0, "unreachable", "The upload was cut", "Check the network and drop the files again."));
    request.open("PUT", base + path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve();
      let answer: unknown = request.responseText;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // Not JSON: a proxy's own page; its text is shown as it is.
      }
      reject(problemFrom(request.status, answer));
    };
    request.onerror = unreachable;
    request.onabort = unreachable;
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

/** A revision as .nii.gz; the server names the file. */
export function revisionFileAddress(revisionId: string): string {
  return `${base}/revisions/${revisionId}/file`;
}

/** The grey middle slice of an image as PNG; with its hash the browser may keep it for ever. */
export function thumbnailAddress(imageId: string, sha256: string): string {
  return `${base}/images/${imageId}/thumbnail?v=${sha256}`;
}

/** A style as a safetensors file. */
export function styleAddress(styleId: string): string {
  return `${base}/styles/${styleId}/file`;
}
