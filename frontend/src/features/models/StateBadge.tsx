/** Candidate, live or retired. */
import { Badge } from "@mantine/core";
import type { StyleOut } from "../../api";
import { t } from "../../ui";

const stateColour = { candidate: "gray", live: "teal", retired: "dark" } as const;

export function StateBadge({ state }: { state: StyleOut["state"] }) {
  return (
    <Badge variant="light" color={stateColour[state]} tt="none" miw={88}>
      {t.models.states[state]}
    </Badge>
  );
}
