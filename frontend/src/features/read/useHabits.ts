/** Puts the last used tool, as it was set, into the hand when a case opens, and keeps what is changed from then on. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { preferencesQuery, useSavePreferences } from "../../api";
import { type Habits, type Hand, habitsOf, handOf } from "./habits";
import { allows3D } from "./looks";
import type { ReadSession } from "./session";
import { type ReadState, useRead } from "./store";

/** Sliders and keys change settings many times a second. */
const settled_ms = 1000;

export function useHabits(session: ReadSession | null): void {
  const kept = useQuery(preferencesQuery).data?.habits;
  const save = useSavePreferences();
  const latest = useRef<Habits | null>(null);
  latest.current ??= kept ?? null;
  const isKnown = latest.current !== null;
  useEffect(() => {
    if (!session || !isKnown || session.facts.readOnly) return;
    giveBack(session, latest.current ?? {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    let changed: Hand | null = null;
    const keep = () => {
      clearTimeout(timer);
      if (changed === null) return;
      const before = latest.current ?? {};
      const after = habitsOf(changed, before);
      changed = null;
      if (Object.entries(after).every(([id, setting]) => before[id] === setting)) return;
      latest.current = after;
      save({ habits: after });
    };
    const stop = useRead.subscribe((now, before) => {
      if (sameHand(now, before)) return;
      changed = handIn(now) ?? changed; // empty once the case is left
      clearTimeout(timer);
      timer = setTimeout(keep, settled_ms);
    });
    return () => {
      stop();
      keep();
    };
  }, [session, isKnown, save]);
}

function giveBack(session: ReadSession, habits: Habits): void {
  const now = handIn(useRead.getState());
  if (now === null) return;
  const { tool, brushRadiusMm, brushIsBall, toolOptions, fillOpacity, overlayOpacity } = handOf(habits, now);
  session.viewer.setTool(tool);
  session.viewer.setBrush(brushRadiusMm, { ball: brushIsBall });
  session.viewer.setToolOptions(toolOptions);
  session.setOpacity(fillOpacity, overlayOpacity);
}

function handIn({ view, facts, fillOpacity, overlayOpacity }: ReadState): Hand | null {
  if (view === null || facts === null) return null;
  const { tool, brushRadiusMm, brushIsBall, toolOptions } = view;
  const is3D = view.isWhole && allows3D(facts.image);
  return { tool, brushRadiusMm, brushIsBall, toolOptions, fillOpacity, overlayOpacity, allows3D: is3D };
}

function sameHand(one: ReadState, other: ReadState): boolean {
  return (
    one.view?.tool === other.view?.tool &&
    one.view?.toolOptions === other.view?.toolOptions &&
    one.view?.brushRadiusMm === other.view?.brushRadiusMm &&
    one.view?.brushIsBall === other.view?.brushIsBall &&
    one.fillOpacity === other.fillOpacity &&
    one.overlayOpacity === other.overlayOpacity
  );
}
