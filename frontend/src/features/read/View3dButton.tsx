/** Opens the 3D panel with the surfaces of my visible labels and of the layers whose eye is open. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { Box } from "lucide-react";
import { useState } from "react";
import type { CompareSide } from "../../engine";
import { t } from "../../ui";
import { type Surface, Volume3d } from "../volume3d";
import { allows3D } from "./looks";
import { useSession } from "./SessionContext";
import type { ReadSession } from "./session";
import { useRead } from "./store";

export function View3dButton() {
  const session = useSession();
  const [opened, setOpened] = useState(false);
  const possible = useRead(({ facts }) => facts !== null && allows3D(facts.image));
  const isWhole = useRead(({ view }) => view?.isWhole ?? true);
  if (!possible) return null;
  return (
    <>
      <Tooltip label={isWhole ? t.volume3d.open : t.read.partly.no3D} multiline maw={280}>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={t.volume3d.open}
          // Not `disabled`: that would take away the pointer, and with it the words that say why.
          data-disabled={!isWhole}
          aria-disabled={!isWhole}
          onClick={() => isWhole && setOpened(true)}
        >
          <Box size={18} />
        </ActionIcon>
      </Tooltip>
      <Volume3d
        opened={opened}
        onClose={() => setOpened(false)}
        buildSurfaces={() => buildSurfaces(session)}
        buildVolume={(side) => session.viewer.buildNifti(side)}
        onPick={(mm) => session.viewer.goToMm(mm)}
        sidesKnown={session.facts.image.sides === "known"}
      />
    </>
  );
}

/** Mine opaque, the others half clear over them, in the colours of the views. */
async function buildSurfaces(session: ReadSession): Promise<readonly Surface[]> {
  const { labels, experts, proposal } = useRead.getState();
  const shown = labels.filter((label) => label.visible);
  const layers = [...(proposal ? [proposal] : []), ...experts].filter((layer) => layer.look.visible && !layer.problem);
  const wanted: { side: CompareSide; label: number; name: string; colour: string; opacity: number }[] = [
    ...shown.map(({ value, name, colour }) => ({
      side: "drawing" as const,
      label: value,
      name: t.volume3d.drawing(name),
      colour,
      opacity: 1,
    })),
    ...layers.flatMap(({ id, title, look }) =>
      shown.map(({ value, name, colour }) => ({
        side: { layer: id },
        label: value,
        name: t.volume3d.layer(title, name),
        colour: look.colour ?? colour,
        opacity: 0.4,
      })),
    ),
  ];
  const made: Surface[] = [];
  for (const { side, label, name, colour, opacity } of wanted) {
    const mesh = await session.viewer.buildSurface(side, label);
    if (mesh) made.push({ name, colour, opacity, mesh });
  }
  return made;
}
