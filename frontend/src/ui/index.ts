/** The shared parts of every page. */
export { Banner } from "./Banner";
export { ConfirmByName } from "./ConfirmByName";
export { ErrorBoundary } from "./ErrorBoundary";
export { ActionsHead, EmptyState, Page, Problem, ShownOnce, SimulatedBadge, Thumbnail, Waiting } from "./parts";
export { type NavigationLink, PlainFrame, Shell } from "./Shell";
export { t } from "./strings";
export { Themed, useTheme } from "./Themed";
export { okabeIto } from "./theme";
export { say, Toasts } from "./toast";
