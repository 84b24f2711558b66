/** Jobs: what the workers do for us, live. */
export { JobsList } from "./JobsList";
export { JobsPage } from "./JobsPage";
export { PretrainButton } from "./PretrainButton";
