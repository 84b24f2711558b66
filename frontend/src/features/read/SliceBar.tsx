/** The slice bar: where I am, which slices carry something drawn. A real range input, so keyboard and reader can use it. */
import type { Plane } from "../../engine";
import { t } from "../../ui";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

export function SliceBar({ plane }: { plane: Plane }) {
  const session = useSession();
  const position = useRead((state) => state.view?.slices[plane]);
  const drawn = useRead((state) => state.drawnSlices[plane]);
  if (!position) return null;
  const { index, count } = position;
  const top = (slice: number) => `${(100 * (count - 1 - slice)) / Math.max(1, count)}%`;
  return (
    <div className={classes.sliceBar}>
      {drawn.map((slice) => (
        <div key={slice} className={classes.sliceMark} style={{ top: top(slice) }} />
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
