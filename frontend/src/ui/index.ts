/** The shared parts of every page. */
import { lazy } from "react";

export { Banner } from "./Banner";
export { ConfirmByName } from "./ConfirmByName";
export { DialogButtons, FormDialog, Question } from "./dialogs";
export { ErrorBoundary } from "./ErrorBoundary";
export { NameFields, trimmed } from "./NameFields";
export { isGoodPassword, NewPassword } from "./NewPassword";
export type { PlotLine } from "./Plot";
export { ActionsHead, EmptyState, Page, Problem, ShownOnce, SimulatedBadge, Thumbnail, Waiting } from "./parts";
export { remarkOf } from "./remark";
export { type NavigationLink, PlainFrame, Shell } from "./Shell";
export { t } from "./strings";
export { Themed, useTheme } from "./Themed";
export { okabeIto } from "./theme";
export { say, Toasts } from "./toast";

/** uPlot is fetched when the first curve is shown. */
export const Plot = lazy(() => import("./Plot"));
