/** My reads. */
export { helpWords } from "./help";
export { WorklistPage } from "./Page";
export { useStyleNews } from "./useStyleNews";
