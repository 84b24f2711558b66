/** One large and two small views, or a single one; each canvas stays mounted and is handed to the engine once. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { Maximize2, Minimize2 } from "lucide-react";
import { useEffect, useRef } from "react";
import { useShallow } from "zustand/react/shallow";
import { isDrawingTool, type Plane, type ViewHandle } from "../../engine";
import { t } from "../../ui";
import { HeatLegend } from "./HeatLegend";
import { gridRemark } from "./looks";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { SliceBar } from "./SliceBar";
import { useRead } from "./store";

/** Views by plane, so that a key can reset the one it acts on. */
export const handles = new Map<Plane, ViewHandle>();

export function Views() {
  const planes = useRead((state) => state.view?.planes) ?? [];
  const maximised = useRead((state) => state.maximised);
  return (
    <div className={classes.views} data-single={planes.length === 1 || maximised}>
      {planes.map((plane) => (
        <PlaneView key={plane} plane={plane} alone={planes.length === 1} />
      ))}
    </div>
  );
}

function PlaneView({ plane, alone }: { plane: Plane; alone: boolean }) {
  const session = useSession();
  const canvas = useRef<HTMLCanvasElement>(null);
  const large = useRead((state) => state.largePlane === plane);
  const active = useRead((state) => state.activePlane === plane);
  const maximised = useRead((state) => state.maximised);
  const position = useRead(useShallow((state) => state.view?.slices[plane])); // a new object at every stroke
  const hasSlices = (position?.count ?? 1) > 1;

  useEffect(() => {
    if (!canvas.current) return;
    const handle = session.viewer.attach(canvas.current, plane);
    handles.set(plane, handle);
    return () => {
      handles.delete(plane);
      handle.detach();
    };
  }, [session, plane]);

  const enter = () => useRead.setState({ activePlane: plane });
  const enlarge = () => {
    const { largePlane, maximised: whole } = useRead.getState();
    if (largePlane === plane) useRead.setState({ maximised: !whole });
    else useRead.setState({ largePlane: plane, activePlane: plane });
  };
  return (
    <section
      className={classes.view}
      data-role={large ? "large" : "small"}
      data-active={active}
      hidden={maximised && !large}
      aria-label={t.read.viewOf(t.read.planes[plane])}
      onPointerEnter={enter}
      onFocus={enter}
    >
      <div className={classes.canvasBox}>
        <canvas
          ref={canvas}
          onDoubleClick={() => !alone && !isDrawing() && enlarge()}
          data-testid={`view-${plane}`}
          tabIndex={0}
          role="img"
          aria-label={viewLabel(plane, position)}
        />
        <div className={classes.viewTitle} aria-hidden>
          {hasSlices && t.read.planes[plane]} {hasSlices && position && `${position.index + 1} / ${position.count}`}
        </div>
        {large && <GridBadges />}
        {large && <HeatLegend />}
        {!alone && (
          <ActionIcon
            className={classes.enlarge}
            size={26}
            variant="subtle"
            color="gray"
            aria-label={t.read.enlarge(t.read.planes[plane], large && maximised)}
            onClick={enlarge}
          >
            {large && maximised ? <Minimize2 size={14} /> : <Maximize2 size={14} />}
          </ActionIcon>
        )}
      </div>
      {hasSlices && <SliceBar plane={plane} />}
    </section>
  );
}

/** A quick second dab of the brush is not a double click. */
function isDrawing(): boolean {
  const { view, facts } = useRead.getState();
  return !facts?.readOnly && isDrawingTool(view?.tool ?? "crosshair");
}

function viewLabel(plane: Plane, position: { index: number; count: number } | undefined): string {
  return t.read.sliceOf(t.read.planes[plane], (position?.index ?? 0) + 1, position?.count ?? 1);
}

/** Says when the image is not what a doctor assumes: only partly here, sides nobody wrote down, a grid tilted, sheared, uneven or without millimetres. */
function GridBadges() {
  const words = useRead(({ view, facts }) => facts && gridRemark(facts.image, view?.tiltDegrees ?? 0));
  const sides = useRead((state) => state.facts?.image.sides ?? "known");
  const isWhole = useRead((state) => state.view?.isWhole ?? true);
  if (!words && sides === "known" && isWhole) return null;
  return (
    <div className={classes.viewBadges}>
      {!isWhole && (
        <Tooltip label={t.read.partly.why} multiline w={340}>
          <button type="button" className={classes.viewBadge} data-testid="partly-held">
            {t.read.partly.badge}
          </button>
        </Tooltip>
      )}
      {sides !== "known" && <strong className={classes.viewBadge}>{t.read.sides[sides]}</strong>}
      {words && <span className={classes.viewBadge}>{words}</span>}
    </div>
  );
}
