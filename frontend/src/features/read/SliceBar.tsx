/** The slice bar: where I am, which slices carry something drawn, where the prediction is unsure, which are proposed next. A real range input, so keyboard and reader can use it. */
import { useShallow } from "zustand/react/shallow";
import { heatColour, type Plane } from "../../engine";
import { t } from "../../ui";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

const noSlices: readonly number[] = [];

export function SliceBar({ plane }: { plane: Plane }) {
  const session = useSession();
  const position = useRead(useShallow((state) => state.view?.slices[plane])); // a new object at every stroke
  const drawn = useRead((state) => state.drawnSlices[plane]);
  const unsure = useRead((state) => (state.heat === "uncertainty" ? state.unsureSlices[plane] : null));
  const proposed = useRead((state) => (state.proposed?.plane === plane ? state.proposed.slices : noSlices));
  if (!position) return null;
  const { index, count } = position;
  const top = (slice: number) => `${(100 * (count - 1 - slice)) / Math.max(1, count)}%`;
  return (
    <div className={classes.sliceBar}>
      {unsure && unsure.length > 0 && (
        <div
          className={classes.unsureBand}
          style={{ background: paintBand(unsure) }}
          role="img"
          aria-label={t.layers.unsureBand}
          data-testid={`unsure-${plane}`}
        />
      )}
      {drawn.map((slice) => (
        <div key={slice} className={classes.sliceMark} style={{ top: top(slice) }} />
      ))}
      {proposed.map((slice) => (
        <div
          key={slice}
          className={classes.sliceProposed}
          style={{ top: top(slice) }}
          title={t.propagation.mark(slice + 1)}
          data-testid="proposed-slice"
        />
      ))}
      <div className={classes.sliceHere} style={{ top: top(index) }} />
      <input
        type="range"
        min={0}
        max={count - 1}
        value={index}
        aria-label={t.read.sliceBar(t.read.planes[plane])}
        onChange={(event) => session.viewer.scroll(plane, Number(event.target.value) - index)}
      />
    </div>
  );
}

/** One stripe a slice, the first at the bottom, in the heat map's colours; nothing where nothing is unsure. */
function paintBand(shares: readonly number[]): string {
  const stripes = shares.map((share, slice) => {
    const colour = share < 0.05 ? "transparent" : heatColour(share);
    return `${colour} ${(100 * slice) / shares.length}% ${(100 * (slice + 1)) / shares.length}%`;
  });
  return `linear-gradient(to top, ${stripes.join(", ")})`;
}
