/** The one door of the engine: pages import from here and nowhere deeper. */

export { toJournal } from "./labels/EditHistory";
export { BadEdit, encodeRuns } from "./labels/editCodec";
export { DIFFERENCE_COLOURS, heatColour } from "./render/heatColours";
export { Viewer } from "./render/Viewer";
export { isDrawingTool } from "./tools/Toolbox";
export type * from "./types";
