/** My reads. */
export { WorklistPage } from "./Page";
