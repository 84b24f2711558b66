/**
 * One stream of server-sent events per tab (HTTP/1.1 allows six connections an origin).
 *
 * Events carry ids only; they mark cached answers stale and are handed to whoever subscribed. The browser reconnects
 * by itself and sends `Last-Event-ID`; after a gap long enough that it had to be reopened, everything live is asked again.
 */
import type { QueryClient } from "@tanstack/react-query";
import { base } from "./client";

export type EventType = "job" | "metric" | "segmentation" | "style" | "assignment" | "reload";
export type ServerEvent = {
  type: EventType;
  id: string;
  projectId: string | null;
  /** Of a segmentation: its last edit and its head after what happened; null where the event does not say. */
  editSeq: number | null;
  headRevisionId: string | null;
};

const types: readonly EventType[] = ["job", "metric", "segmentation", "style", "assignment", "reload"];

/** Which cached kinds an event makes stale. Metrics are fetched by the curve itself, from where it stopped. */
const staleKinds: Record<EventType, readonly string[]> = {
  job: ["jobs", "job"],
  metric: [],
  segmentation: ["assignments"],
  style: ["styles", "models", "assignments"],
  assignment: ["assignments", "project", "projects"],
  reload: ["jobs", "job", "assignments", "revisions", "styles", "models", "project", "projects"],
};

/**
 * Keys of what is to be asked again. A segmentation's event that says where it stands is a stroke or a revision of
 * somebody's: its own history may be open here, and worklists follow by an event of their own when a read moves on.
 * Twenty doctors make twenty of these a second, so nothing else may be asked for them.
 */
export function staleAfter(event: ServerEvent): (readonly string[])[] {
  if (event.type === "segmentation" && event.editSeq !== null) return [["revisions", event.id]];
  return staleKinds[event.type].map((kind) => [kind]);
}

const listeners = new Set<(event: ServerEvent) => void>();

/** Hear every event of this tab's stream. */
export function onServerEvent(listener: (event: ServerEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(event: ServerEvent): void {
  for (const listener of listeners) listener(event);
}

/** Read an event's data; null for anything that is not one of ours. */
export function readEvent(type: EventType, data: string): ServerEvent | null {
  try {
    const told: Record<string, unknown> = JSON.parse(data);
    const text = (name: string) => (typeof told[name] === "string" ? told[name] : null);
    const editSeq = typeof told.edit_seq === "number" ? told.edit_seq : null;
    return {
      type,
      id: text("id") ?? "",
      projectId: text("project_id"),
      editSeq,
      headRevisionId: text("head_revision_id"),
    };
  } catch {
    return null;
  }
}

/** Open the stream until the returned function is called. */
export function listenToServer(queries: QueryClient): () => void {
  const source = new EventSource(`${base}/events`);
  let wasOpen = false;
  const hear = (event: ServerEvent) => {
    for (const queryKey of staleAfter(event)) void queries.invalidateQueries({ queryKey });
    tell(event);
  };
  source.onopen = () => {
    if (wasOpen) hear({ type: "reload", id: "", projectId: null, editSeq: null, headRevisionId: null });
    wasOpen = true;
  };
  for (const type of types) {
    source.addEventListener(type, (message: MessageEvent<string>) => {
      const event = readEvent(type, message.data);
      if (event) hear(event);
    });
  }
  return () => source.close();
}
