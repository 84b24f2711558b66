/**
 * Says once, quietly and on whatever page the doctor is, that another style of theirs draws from here on. Nothing where the
 * project shows its readers no predictions. What is missed stays readable: worklist and reading screen name the styles.
 */
import { useEffect } from "react";
import { getProject, onServerEvent, type ServerEvent, stylesOfExpert } from "../../api";
import { say, t } from "../../ui";

export function useStyleNews(expertId: string | null): void {
  useEffect(() => {
    if (expertId === null) return;
    const told = new Map<string, string>();
    return onServerEvent((event) => {
      // Only a notice: where it cannot be made, the pages have said already that the server is away.
      void tellOf(event, expertId, told).catch(() => undefined);
    });
  }, [expertId]);
}

/** `told`: project → the style told of last, because events are sent again after a gap in the stream. */
async function tellOf({ type, id, projectId }: ServerEvent, expertId: string, told: Map<string, string>) {
  if (type !== "style" || projectId === null || told.get(projectId) === id) return;
  const { items } = await stylesOfExpert(projectId, expertId);
  const style = items.find((one) => one.id === id);
  if (!style?.is_live || told.get(projectId) === id) return;
  told.set(projectId, id);
  const { name, policy } = await getProject(projectId);
  if (policy.prefill !== "never") say(t.worklist.styleNews(style.label, name, style.lineage_count));
}
