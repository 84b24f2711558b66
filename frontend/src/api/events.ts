/**
 * One stream of server-sent events per tab (HTTP/1.1 allows six connections an origin).
 *
 * Events carry ids only; they mark cached answers stale and are handed to whoever subscribed. The browser reconnects
 * by itself and sends `Last-Event-ID`; after a gap long enough that it had to be reopened, everything live is asked again.
 */
import type { QueryClient } from "@tanstack/react-query";
import { base } from "./client";

export type EventType = "job" | "metric" | "segmentation" | "style" | "assignment";
export type ServerEvent = { type: EventType; id: string; projectId: string | null };

const types: readonly EventType[] = ["job", "metric", "segmentation", "style", "assignment"];

/** Which cached kinds an event makes stale. Metrics are fetched by the curve itself, from where it stopped. */
const staleKinds: Record<EventType, readonly string[]> = {
  job: ["jobs", "job"],
  metric: [],
  segmentation: ["assignments"],
  style: ["styles", "models", "assignments"],
  assignment: ["assignments", "project", "projects"],
};

const listeners = new Set<(event: ServerEvent) => void>();

/** Hear every event of this tab's stream. */
export function onServerEvent(listener: (event: ServerEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Read an event's data; null for anything that is not one of ours. */
export function readEvent(type: EventType, data: string): ServerEvent | null {
  try {
    const { id, project_id: projectId }: { id?: unknown; project_id?: unknown } = JSON.parse(data);
    return { type, id: String(id ?? ""), projectId: typeof projectId === "string" ? projectId : null };
  } catch {
    return null;
  }
}

/** Open the stream until the returned function is called. */
export function listenToServer(queries: QueryClient): () => void {
  const source = new EventSource(`${base}/events`);
  let wasOpen = false;
  source.onopen = () => {
    if (wasOpen)
      for (const kind of new Set(Object.values(staleKinds).flat()))
        void queries.invalidateQueries({ queryKey: [kind] });
    wasOpen = true;
  };
  for (const type of types) {
    source.addEventListener(type, (message: MessageEvent<string>) => {
      const event = readEvent(type, message.data);
      if (!event) return;
      for (const kind of staleKinds[type]) void queries.invalidateQueries({ queryKey: [kind] });
      for (const listener of listeners) listener(event);
    });
  }
  return () => source.close();
}
