/** The 3D panel: surfaces of what is shown, and the image volume on request. Without WebGL it says so. */
import { Checkbox, Modal, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { Point3 } from "../../engine";
import { t } from "../../ui";
import { NoWebGl, openStage, type Stage, type Surface } from "./stage";
import classes from "./volume3d.module.css";

/** Software renderers get no volume at all; 256³ is what a graphics card loads in a blink. */
const VOLUME_SIDE = 256;

export type Volume3dProps = {
  opened: boolean;
  onClose: () => void;
  /** Makes the surfaces of what is shown now. */
  buildSurfaces: () => Promise<readonly Surface[]>;
  /** The image as NIfTI, at most so many voxels a side; null while it loads. */
  buildVolume: (longestSide: number) => ArrayBuffer | null;
  onPick: (mm: Point3) => void;
  /** Whether left and right may be named. */
  sidesKnown: boolean;
};

export function Volume3d(props: Volume3dProps) {
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={t.volume3d.title}
      size="min(1100px, 92vw)"
      keepMounted={false}
    >
      <Panel {...props} />
    </Modal>
  );
}

function Panel({ buildSurfaces, buildVolume, onPick, sidesKnown }: Volume3dProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [stage, setStage] = useState<Stage | null>(null);
  const [note, setNote] = useState<string | null>(t.volume3d.loading);
  const [hasVolume, setHasVolume] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the panel shows what was shown when it was opened
  useEffect(() => {
    let left = false;
    let opened: Stage | null = null;
    const open = async (): Promise<void> => {
      if (!canvas.current) return;
      opened = await openStage(canvas.current, sidesKnown, onPick);
      if (left) return opened.close();
      const surfaces = await buildSurfaces();
      if (left) return;
      opened.showSurfaces(surfaces);
      setStage(opened);
      setNote(surfaces.length === 0 ? t.volume3d.nothing : null);
    };
    open().catch((error: unknown) => {
      if (!left) setNote(error instanceof NoWebGl ? t.volume3d.noWebGl : t.volume3d.failed(wordsOf(error)));
    });
    return () => {
      left = true;
      opened?.close();
    };
  }, []);

  const toggleVolume = async (wanted: boolean): Promise<void> => {
    if (!stage) return;
    setHasVolume(wanted);
    if (!wanted) return stage.hideVolume();
    const nifti = buildVolume(VOLUME_SIDE);
    if (nifti) return stage.showVolume(nifti);
    setHasVolume(false);
    setNote(t.volume3d.notLoaded);
  };
  return (
    <>
      <div className={classes.stage}>
        <canvas ref={canvas} aria-label={t.volume3d.canvas} role="img" data-testid="view-3d" />
        {note && (
          <p className={classes.note} role="status" data-testid="note-3d">
            {note}
          </p>
        )}
      </div>
      {stage && (
        <>
          <Text size="xs" c="dimmed" mt={6}>
            {stage.isSoftware ? t.volume3d.software : t.volume3d.hint}
          </Text>
          {!stage.isSoftware && (
            <Checkbox
              size="xs"
              mt={6}
              label={t.volume3d.volume}
              checked={hasVolume}
              onChange={(event) => void toggleVolume(event.currentTarget.checked)}
            />
          )}
        </>
      )}
    </>
  );
}

function wordsOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : t.volume3d.noWebGl;
}
