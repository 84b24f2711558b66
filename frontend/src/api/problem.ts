/**
 * Errors as the server words them (problem+json): a title, a detail that names culprit and remedy, a stable code.
 * Anything else that can go wrong on the way (no network, a proxy's HTML page) is put into the same form.
 */

export class ApiProblem extends Error {
  constructor(
    /** 0 where the server could not be reached. */
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    /** Further members of the problem document, e.g. the current `etag` of a stale write. */
    readonly extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
    this.name = "ApiProblem";
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

/** Read a refusal's body, whatever it is. Never throws. */
export function problemFrom(status: number, body: unknown): ApiProblem {
  if (!isRecord(body))
    return new ApiProblem(
      status,
      "unexpected-answer",
      `Unexpected answer (${status})`,
      text(body, `Status ${status}.`).slice(0, 400),
    );
  const { title, detail, code, ...extra } = body;
  return new ApiProblem(
    status,
    text(code, "unknown"),
    text(title, `Refused (${status})`),
    text(detail, text(title, "")),
    extra,
  );
}

export function isProblem(error: unknown, status?: number): error is ApiProblem {
  return error instanceof ApiProblem && (status === undefined || error.status === status);
}

/** Any thrown thing as something a page can show. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem(
    0,
    "unexpected",
    "Something went wrong",
    error instanceof Error ? error.message : String(error),
  );
}
