/** Hands the one open case to the parts of the reading screen. */
import { createContext, useContext } from "react";
import type { ReadSession } from "./session";

export const SessionContext = createContext<ReadSession | null>(null);

export function useSession(): ReadSession {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession was called outside an open read; wrap the part in SessionContext.");
  return session;
}
