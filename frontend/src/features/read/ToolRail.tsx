/** The tools at the left, each with its key. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { Brush, Contrast, Crosshair, Eraser, Hand, PaintBucket, Redo2, RotateCcw, Undo2, ZoomIn } from "lucide-react";
import type { ReactNode } from "react";
import type { ToolName } from "../../engine";
import { t } from "../../ui";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";
import { handles } from "./Views";

type ToolEntry = { tool: ToolName; icon: ReactNode; draws: boolean };

const tools: readonly ToolEntry[] = [
  { tool: "brush", icon: <Brush size={18} />, draws: true },
  { tool: "eraser", icon: <Eraser size={18} />, draws: true },
  { tool: "fill", icon: <PaintBucket size={18} />, draws: true },
  { tool: "crosshair", icon: <Crosshair size={18} />, draws: false },
  { tool: "window", icon: <Contrast size={18} />, draws: false },
  { tool: "pan", icon: <Hand size={18} />, draws: false },
  { tool: "zoom", icon: <ZoomIn size={18} />, draws: false },
];

export function ToolRail() {
  const session = useSession();
  const chosen = useRead((state) => state.view?.tool);
  const canDraw = useRead((state) => Boolean(state.view?.canDraw && !state.facts?.readOnly));
  const undoDepth = useRead((state) => state.view?.undoDepth ?? 0);
  const redoDepth = useRead((state) => state.view?.redoDepth ?? 0);
  return (
    <div className={classes.rail} role="toolbar" aria-label={t.read.tools} aria-orientation="vertical">
      {tools.map(({ tool, icon, draws }) => (
        <RailButton
          key={tool}
          label={t.read.tool[tool].name}
          hint={t.read.tool[tool].hint}
          pressed={chosen === tool}
          disabled={draws && !canDraw}
          onClick={() => session.viewer.setTool(tool)}
        >
          {icon}
        </RailButton>
      ))}
      <div className={classes.railRule} />
      <RailButton
        label={t.read.undo}
        hint="Ctrl+Z"
        disabled={!canDraw || undoDepth === 0}
        onClick={() => session.undo()}
      >
        <Undo2 size={18} />
      </RailButton>
      <RailButton
        label={t.read.redo}
        hint="Ctrl+Shift+Z"
        disabled={!canDraw || redoDepth === 0}
        onClick={() => session.redo()}
      >
        <Redo2 size={18} />
      </RailButton>
      <RailButton label={t.read.resetView} hint="R" onClick={() => handles.forEach((handle) => void handle.reset())}>
        <RotateCcw size={18} />
      </RailButton>
    </div>
  );
}

type RailButtonProps = {
  label: string;
  hint: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
};

function RailButton({ label, hint, pressed, disabled, onClick, children }: RailButtonProps) {
  return (
    <Tooltip label={`${label} (${hint})`} position="right" openDelay={400}>
      <ActionIcon
        size={38}
        variant={pressed ? "filled" : "subtle"}
        color={pressed ? "azure" : "gray"}
        aria-label={label}
        {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
        disabled={disabled ?? false}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
