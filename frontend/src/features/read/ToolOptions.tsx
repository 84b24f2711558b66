/** The bar over the views: what the chosen tool can be set to, and what to do next with it. Nothing of other tools. */
import type { ReactNode } from "react";
import type { DrawingTool, ToolOptions as Options, PaintLimits, SliceReach, ToolName } from "../../engine";
import { t } from "../../ui";
import { AskOptions, AskStatus } from "./AskOptions";
import { allows3D } from "./looks";
import { Act, Apply, Choice, Figure, Switch } from "./optionParts";
import { PropagationStatus } from "./PropagationStatus";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

const words = t.read.options;

/** Tools that paint, and so obey the paint-over mode. */
const painting: readonly ToolName[] = [
  "brush",
  "threshold",
  "polygon",
  "lasso",
  "fill",
  "fill3d",
  "holes",
  "holes3d",
  "smooth",
  "grow",
  "interpolate",
];

const optionsOf: { readonly [Tool in DrawingTool]: () => ReactNode } = {
  brush: () => <BrushSize />,
  eraser: () => (
    <>
      <BrushSize />
      <AnyLabel />
    </>
  ),
  threshold: () => (
    <>
      <BrushSize />
      <RangeBounds />
    </>
  ),
  polygon: () => <CloseOutline />,
  lasso: () => null,
  scissors: () => <ScissorsOptions />,
  fill: () => <FillOptions />,
  fill3d: () => <FillOptions />,
  holes: () => <HolesOptions />,
  holes3d: () => <HolesOptions />,
  islands: () => <IslandsOptions />,
  smooth: () => <SmoothOptions />,
  grow: () => <MarginOptions label={t.read.tool.grow} />,
  shrink: () => <MarginOptions label={t.read.tool.shrink} />,
  interpolate: () => <InterpolateOptions />,
};

export function ToolOptions() {
  const tool = useRead((state) => state.view?.tool ?? "crosshair");
  const scissors = useRead((state) => state.view?.toolOptions.scissors.act);
  const readOnly = useRead((state) => Boolean(state.facts?.readOnly));
  const isStaged = useRead((state) => Boolean(state.view?.staged));
  // What waits for Enter or Esc takes the hint's place: its buttons must be in sight whatever the tool's options need.
  const isWaiting = useRead((state) => state.asking !== null || state.propagation !== null);
  const isDrawing = tool in optionsOf && !readOnly;
  const paints = painting.includes(tool) || (tool === "scissors" && scissors === "fill-inside");
  const hint = isStaged ? t.read.staged[tool === "interpolate" ? "preview" : "outline"] : t.read.toolHelp[tool];
  return (
    <section className={classes.options} aria-label={words.title}>
      <div className={classes.optionsRow}>
        <strong>{t.read.tool[tool]}</strong>
        {isDrawing && optionsOf[tool as DrawingTool]()}
        {isDrawing && paints && <PaintOver />}
        {isDrawing && <InRange />}
        {tool === "ask" && !readOnly && <AskOptions />}
      </div>
      {isWaiting ? (
        <div className={classes.optionsStatus}>
          <AskStatus />
          <PropagationStatus />
        </div>
      ) : (
        <span className={classes.optionsHint} aria-live="polite" title={hint}>
          {hint}
        </span>
      )}
    </section>
  );
}

function useOptions(): readonly [Options | undefined, (change: Partial<Options>) => void] {
  const session = useSession();
  const options = useRead((state) => state.view?.toolOptions);
  return [options, (change) => session.viewer.setToolOptions(change)];
}

function useIs3D(): boolean {
  return useRead(({ facts }) => facts !== null && allows3D(facts.image));
}

/** A tool's form in 3D; nothing for an image that has no depth, and off where only a part of the image is here. */
function In3D({ label = words.in3D, on, onChange }: { label?: string; on: boolean; onChange: (on: boolean) => void }) {
  const is3D = useIs3D();
  const isWhole = useRead(({ view }) => view?.isWhole ?? true);
  if (!is3D) return null;
  if (isWhole) return <Switch label={label} on={on} onChange={onChange} />;
  return <Switch label={label} on={false} onChange={onChange} why={t.read.partly.no3D} />;
}

// --- what several tools share ---------------------------------------------------------------------------------------

function BrushSize() {
  const session = useSession();
  const radius = useRead((state) => state.view?.brushRadiusMm ?? 1);
  const ball = useRead((state) => state.view?.brushIsBall ?? false);
  return (
    <>
      <Figure
        testId="brush-size"
        label={t.read.brushRadius}
        unit="mm"
        min={0.1}
        max={50}
        step={0.5}
        value={radius}
        onChange={(value) => session.viewer.setBrush(value, { ball })}
      />
      <In3D label={t.read.ball} on={ball} onChange={(on) => session.viewer.setBrush(radius, { ball: on })} />
    </>
  );
}

function useLimits(): readonly [PaintLimits | undefined, (change: Partial<PaintLimits>) => void] {
  const session = useSession();
  const limits = useRead((state) => state.view?.paintLimits);
  return [limits, (change) => limits && session.viewer.setPaintLimits({ ...limits, ...change })];
}

/** Which voxels may be painted over; locked labels never. */
function PaintOver() {
  const [limits, set] = useLimits();
  const labels = useRead((state) => state.labels);
  if (!limits) return null;
  const values = [
    ["everything", words.over.everything],
    ["background", words.over.background],
    ...labels.map(({ value, name }) => [String(value), words.over.only(name)] as const),
  ] as const;
  return (
    <Choice
      label={words.over.title}
      value={typeof limits.over === "object" ? String(limits.over.label) : limits.over}
      values={values}
      onChange={(over) =>
        set({ over: over === "everything" || over === "background" ? over : { label: Number(over) } })
      }
    />
  );
}

function AnyLabel() {
  const [limits, set] = useLimits();
  return (
    <Switch
      label={words.anyLabel}
      on={limits?.eraseAnyLabel ?? false}
      onChange={(eraseAnyLabel) => set({ eraseAnyLabel })}
    />
  );
}

/** The intensity range for every tool; threshold paint has it anyway. */
function InRange() {
  const [limits, set] = useLimits();
  const [options] = useOptions();
  const tool = useRead((state) => state.view?.tool);
  const isColour = useRead((state) => state.facts?.image.channels === 3);
  if (!limits || !options || isColour || tool === "threshold") return null;
  return (
    <>
      <Switch
        label={words.inRange}
        on={limits.range !== null}
        onChange={(on) => set({ range: on ? options.range : null })}
      />
      {limits.range && <RangeBounds />}
    </>
  );
}

function RangeBounds() {
  const session = useSession();
  const [options, set] = useOptions();
  if (!options) return null;
  const { low, high } = options.range;
  return (
    <>
      <Figure label={words.from} value={low} onChange={(next) => set({ range: { low: next, high } })} />
      <Figure label={words.to} value={high} onChange={(next) => set({ range: { low, high: next } })} />
      <Act
        label={words.rangeFromHere}
        command="threshold"
        onClick={() => session.viewer.takeRangeFromHere(useRead.getState().activePlane)}
      />
    </>
  );
}

function CloseOutline() {
  const session = useSession();
  const isOpen = useRead((state) => state.view?.staged?.kind === "outline");
  if (!isOpen) return null;
  return (
    <>
      <Apply label={words.closeOutline} />
      <Act label={words.dropCorner} command="drop-corner" onClick={() => void session.viewer.dropCorner()} />
      <Act label={words.discard} command="cancel" onClick={() => session.viewer.cancel()} />
    </>
  );
}

// --- single tools ---------------------------------------------------------------------------------------------------

function ScissorsOptions() {
  const [options, set] = useOptions();
  const is3D = useIs3D();
  if (!options) return null;
  const { scissors } = options;
  const change = (part: Partial<Options["scissors"]>) => set({ scissors: { ...scissors, ...part } });
  return (
    <>
      <Choice label={words.does} value={scissors.act} values={words.scissors} onChange={(act) => change({ act })} />
      {scissors.act !== "fill-inside" && <AnyLabel />}
      <Choice
        label={words.outline}
        value={scissors.outline}
        values={words.outlines}
        onChange={(outline) => change({ outline })}
      />
      {is3D && <Reach reach={scissors.reach} onChange={(reach) => change({ reach })} />}
      <CloseOutline />
    </>
  );
}

/** Slices are counted from 1 on the screen and from 0 in the engine. */
function Reach({ reach, onChange }: { reach: SliceReach; onChange: (reach: SliceReach) => void }) {
  const here = useRead((state) => state.view?.slices[state.activePlane]);
  const index = here?.index ?? 0;
  const count = here?.count ?? 1;
  const choose = (kind: SliceReach["kind"]) => {
    if (kind === "all") onChange({ kind });
    else if (kind === "around") onChange({ kind, slices: 2 });
    else onChange({ kind, from: index, to: Math.min(count - 1, index + 4) });
  };
  return (
    <>
      <Choice label={words.slices} value={reach.kind} values={words.reaches} onChange={choose} />
      {reach.kind === "around" && (
        <Figure
          label={t.read.plusMinus}
          min={0}
          decimals={0}
          value={reach.slices}
          onChange={(slices) => onChange({ kind: "around", slices })}
        />
      )}
      {reach.kind === "range" && (
        <>
          <Figure
            label={words.from}
            min={1}
            max={count}
            decimals={0}
            value={reach.from + 1}
            onChange={(from) => onChange({ ...reach, from: from - 1 })}
          />
          <Figure
            label={words.to}
            min={1}
            max={count}
            decimals={0}
            value={reach.to + 1}
            onChange={(to) => onChange({ ...reach, to: to - 1 })}
          />
        </>
      )}
    </>
  );
}

function FillOptions() {
  const session = useSession();
  const [options, set] = useOptions();
  const tool = useRead((state) => state.view?.tool);
  const image = useRead((state) => state.facts?.image);
  const tolerance = options?.fillTolerance ?? null;
  return (
    <>
      <In3D on={tool === "fill3d"} onChange={(on) => session.viewer.setTool(on ? "fill3d" : "fill")} />
      {image?.channels !== 3 && (
        <Switch
          label={words.tolerance}
          on={tolerance !== null}
          onChange={(on) => set({ fillTolerance: on ? 20 : null })}
        />
      )}
      {tolerance !== null && (
        <Figure
          label={t.read.plusMinus}
          min={0}
          value={tolerance}
          {...(image?.unit ? { unit: image.unit } : {})}
          onChange={(fillTolerance) => set({ fillTolerance })}
        />
      )}
    </>
  );
}

function HolesOptions() {
  const session = useSession();
  const tool = useRead((state) => state.view?.tool);
  return (
    <>
      <In3D on={tool === "holes3d"} onChange={(on) => session.viewer.setTool(on ? "holes3d" : "holes")} />
      <Apply label={t.read.tool.holes} />
    </>
  );
}

function IslandsOptions() {
  const [options, set] = useOptions();
  const labels = useRead((state) => state.labels);
  if (!options) return null;
  const { islands } = options;
  const change = (part: Partial<Options["islands"]>) => set({ islands: { ...islands, ...part } });
  const needsClick = islands.act === "keep-clicked" || islands.act === "relabel-clicked";
  return (
    <>
      <Choice label={words.does} value={islands.act} values={words.islands} onChange={(act) => change({ act })} />
      {islands.act === "drop-small" && (
        <Figure
          label={words.below}
          unit="mm³"
          min={0}
          value={islands.belowMm3}
          onChange={(belowMm3) => change({ belowMm3 })}
        />
      )}
      {islands.act === "relabel-clicked" && (
        <Choice
          label={words.becomes}
          value={String(islands.toLabel)}
          values={labels.map(({ value, name }) => [String(value), name] as const)}
          onChange={(value) => change({ toLabel: Number(value) })}
        />
      )}
      <In3D on={islands.is3D} onChange={(on) => change({ is3D: on })} />
      {!needsClick && <Apply label={words.apply} />}
    </>
  );
}

function SmoothOptions() {
  const [options, set] = useOptions();
  if (!options) return null;
  const { smooth } = options;
  return (
    <>
      <Figure
        label={words.within}
        unit="mm"
        min={0.1}
        max={20}
        step={0.5}
        value={smooth.radiusMm}
        onChange={(radiusMm) => set({ smooth: { ...smooth, radiusMm } })}
      />
      <In3D on={smooth.is3D} onChange={(on) => set({ smooth: { ...smooth, is3D: on } })} />
      <Apply label={t.read.tool.smooth} />
    </>
  );
}

function MarginOptions({ label }: { label: string }) {
  const [options, set] = useOptions();
  if (!options) return null;
  const { margin } = options;
  return (
    <>
      <Figure
        label={words.margin}
        unit="mm"
        min={0.1}
        max={50}
        step={0.5}
        value={margin.mm}
        onChange={(mm) => set({ margin: { ...margin, mm } })}
      />
      <In3D on={margin.is3D} onChange={(on) => set({ margin: { ...margin, is3D: on } })} />
      <Apply label={label} />
    </>
  );
}

function InterpolateOptions() {
  const session = useSession();
  const [options, set] = useOptions();
  const isShown = useRead((state) => state.view?.staged?.kind === "preview");
  if (!options) return null;
  return (
    <>
      <Choice
        label={words.gaps}
        value={options.interpolate}
        values={words.gapChoices}
        onChange={(interpolate) => set({ interpolate })}
      />
      <Apply label={isShown ? words.acceptPreview : words.preview} />
      {isShown && <Act label={words.discard} command="cancel" onClick={() => session.viewer.cancel()} />}
    </>
  );
}
