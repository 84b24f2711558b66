/** The one door of the engine: pages import from here and nowhere deeper. */
export type * from "./types";
