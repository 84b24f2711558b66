/** The one door of the engine: pages import from here and nowhere deeper. */

export { standingEdits, toJournal } from "./labels/EditHistory";
export { BadEdit, decodeRuns, encodeRuns } from "./labels/editCodec";
export { unite } from "./ops/disputes";
export { buildEnvelope } from "./ops/envelope";
export { slabLanes } from "./render/feeds";
export { DIFFERENCE_COLOURS, heatColour } from "./render/heatColours";
export { makeUuid } from "./render/uuid";
export { Viewer } from "./render/Viewer";
export { isDrawingTool } from "./tools/Toolbox";
export type * from "./types";
