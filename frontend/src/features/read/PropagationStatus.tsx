/** Where propagation stands; shown with any tool while something is propagated, because Enter and Esc then mean it. */
import { Button, Group, Loader, Text } from "@mantine/core";
import { t } from "../../ui";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

export function PropagationStatus() {
  const session = useSession();
  const state = useRead((read) => read.propagation);
  if (!state) return null;
  const { pending, drawn, isShown, leftOutDice, problem } = state;
  const words =
    problem ??
    (pending ? (isShown ? t.propagation.renewing : t.propagation.pending(drawn)) : t.propagation.shown(drawn));
  return (
    <Group
      gap={8}
      wrap="nowrap"
      data-testid="propagation-state"
      data-state={problem ? "failed" : pending ? "pending" : "shown"}
    >
      {pending && <Loader size={14} aria-hidden />}
      <Text
        size="xs"
        {...(problem && { c: "orange" })}
        role="status"
        {...(leftOutDice !== null && { title: t.propagation.leftOut(leftOutDice) })}
      >
        {words}
      </Text>
      <Button size="compact-xs" disabled={pending || !isShown} onClick={() => session.accept("active")}>
        {t.propagation.accept}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => session.cancel()}>
        {t.propagation.discard}
      </Button>
    </Group>
  );
}
