/** Candidate, live, retired, or refused by the gate. */
import { Badge } from "@mantine/core";
import type { StyleOut } from "../../api";
import { t } from "../../ui";

const stateColour = { candidate: "gray", live: "teal", retired: "dark", refused: "orange" } as const;

export function StateBadge({ state }: { state: StyleOut["state"] | "refused" }) {
  return (
    <Badge variant="light" color={stateColour[state]} tt="none" miw={88}>
      {t.models.states[state]}
    </Badge>
  );
}
