/** The tools at the left, each with its key. */
import { ActionIcon, Tooltip } from "@mantine/core";
import {
  ArrowDownFromLine,
  ArrowUpFromLine,
  Brush,
  Contrast,
  Crosshair,
  Donut,
  Eraser,
  Expand,
  Hand,
  Lasso,
  Layers2,
  PaintBucket,
  Pentagon,
  Redo2,
  RotateCcw,
  Ruler,
  Scissors,
  Shrink,
  Sparkles,
  Spline,
  SprayCan,
  TreePalm,
  Undo2,
  ZoomIn,
} from "lucide-react";
import type { ReactNode } from "react";
import type { ToolName } from "../../engine";
import { t } from "../../ui";
import type { CommandId } from "./commands";
import classes from "./read.module.css";
import { chooseTool } from "./runCommand";
import { useSession } from "./SessionContext";
import { useRead } from "./store";
import { useKeyHint } from "./useCommands";
import { handles } from "./Views";

type ToolEntry = { tool: ToolName; icon: ReactNode; also?: ToolName };

/** `also`: the tool's form in 3D, chosen by its own key or in the tool's options. */
const drawing: readonly ToolEntry[] = [
  { tool: "brush", icon: <Brush size={18} /> },
  { tool: "eraser", icon: <Eraser size={18} /> },
  { tool: "threshold", icon: <SprayCan size={18} /> },
  { tool: "fill", icon: <PaintBucket size={18} />, also: "fill3d" },
  { tool: "polygon", icon: <Pentagon size={18} /> },
  { tool: "lasso", icon: <Lasso size={18} /> },
  { tool: "scissors", icon: <Scissors size={18} /> },
  { tool: "interpolate", icon: <Layers2 size={18} /> },
  { tool: "ask", icon: <Sparkles size={18} /> },
  { tool: "holes", icon: <Donut size={18} />, also: "holes3d" },
  { tool: "islands", icon: <TreePalm size={18} /> },
  { tool: "smooth", icon: <Spline size={18} /> },
  { tool: "grow", icon: <Expand size={18} /> },
  { tool: "shrink", icon: <Shrink size={18} /> },
];

const looking: readonly ToolEntry[] = [
  { tool: "crosshair", icon: <Crosshair size={18} /> },
  { tool: "ruler", icon: <Ruler size={18} /> },
  { tool: "window", icon: <Contrast size={18} /> },
  { tool: "pan", icon: <Hand size={18} /> },
  { tool: "zoom", icon: <ZoomIn size={18} /> },
];

export function ToolRail() {
  const canDraw = useRead((state) => Boolean(state.view?.canDraw && !state.facts?.readOnly));
  return (
    <div className={classes.rail} role="toolbar" aria-label={t.read.tools} aria-orientation="vertical">
      <ToolButtons tools={drawing} disabled={!canDraw} />
      <CopyButtons disabled={!canDraw} />
      <div className={classes.railRule} />
      <ToolButtons tools={looking} disabled={false} />
      <div className={classes.railRule} />
      <UndoButtons disabled={!canDraw} />
      <RailButton
        label={t.read.resetView}
        command="reset"
        onClick={() => handles.forEach((handle) => void handle.reset())}
      >
        <RotateCcw size={18} />
      </RailButton>
    </div>
  );
}

function ToolButtons({ tools, disabled }: { tools: readonly ToolEntry[]; disabled: boolean }) {
  const session = useSession();
  const chosen = useRead((state) => state.view?.tool);
  const isReview = useRead((state) => Boolean(state.facts?.review));
  const mouse: { readonly [Tool in ToolName]?: string } = t.read.toolMouse;
  return tools.map(({ tool, icon, also }) => (
    <RailButton
      key={tool}
      label={t.read.tool[tool]}
      command={tool === "pan" ? null : tool}
      mouse={mouse[tool]}
      pressed={chosen === tool || (also !== undefined && chosen === also)}
      disabled={disabled || (isReview && tool === "ask")}
      onClick={() => chooseTool(session, tool, useRead.getState().activePlane)}
    >
      {icon}
    </RailButton>
  ));
}

function CopyButtons({ disabled }: { disabled: boolean }) {
  const session = useSession();
  const isFlat = useRead((state) => (state.facts?.image.nz ?? 1) === 1);
  const copy = (direction: 1 | -1) => session.viewer.copySlice(useRead.getState().activePlane, direction);
  return (
    <>
      <RailButton
        label={t.read.copyNext}
        command="copy-to-next"
        disabled={disabled || isFlat}
        onClick={() => void copy(1)}
      >
        <ArrowUpFromLine size={18} />
      </RailButton>
      <RailButton
        label={t.read.copyPrevious}
        command="copy-to-previous"
        disabled={disabled || isFlat}
        onClick={() => void copy(-1)}
      >
        <ArrowDownFromLine size={18} />
      </RailButton>
    </>
  );
}

/** Apart from the rail, because every stroke changes what can be undone. */
function UndoButtons({ disabled }: { disabled: boolean }) {
  const session = useSession();
  const canUndo = useRead(({ view }) => view?.staged?.kind === "outline" || (view?.undoDepth ?? 0) > 0);
  const canRedo = useRead(({ view }) => (view?.redoDepth ?? 0) > 0);
  return (
    <>
      <RailButton label={t.read.undo} command="undo" disabled={disabled || !canUndo} onClick={() => session.undo()}>
        <Undo2 size={18} />
      </RailButton>
      <RailButton label={t.read.redo} command="redo" disabled={disabled || !canRedo} onClick={() => session.redo()}>
        <Redo2 size={18} />
      </RailButton>
    </>
  );
}

type RailButtonProps = {
  label: string;
  /** whose key the tooltip names; null: it has none */
  command: CommandId | null;
  /** what the mouse does besides */
  mouse?: string | undefined;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
};

function RailButton({ label, command, mouse, pressed, disabled, onClick, children }: RailButtonProps) {
  const keys = useKeyHint(command);
  const hint = [keys, mouse].filter(Boolean).join("; ");
  return (
    <Tooltip label={hint ? `${label} (${hint})` : label} position="right" openDelay={400}>
      <ActionIcon
        size={36}
        variant={pressed ? "filled" : "subtle"}
        color={pressed ? "azure" : "gray"}
        aria-label={label}
        {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
        disabled={disabled ?? false}
        // A click leaves the focus where the next keys belong: Enter applies the tool, it does not press this again.
        onMouseDown={(event) => event.preventDefault()}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
