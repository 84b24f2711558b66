/** The reading screen's door. */
export { ReadPage } from "./Page";
