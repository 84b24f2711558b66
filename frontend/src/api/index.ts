/** The door to the server. */
export * from "./actions";
export { addressOf, bytes, onSignedOut, revisionFileAddress, sendFile, styleAddress, thumbnailAddress } from "./client";
export { browserClock, endPauses } from "./clock";
export { listenToServer, onServerEvent, type ServerEvent } from "./events";
export { canKeepJournal, type Journal, keeperFor, openedJournal, renewJournal } from "./journal";
export {
  type EditKeeper,
  keepsNothing,
  Outbox,
  type OutboxClock,
  type OutboxPort,
  type OutgoingEdit,
  type Position,
  type PostAnswer,
  type Rebased,
  type SaveState,
} from "./outbox";
export { fromWire, type Screen, SegmentationPort } from "./port";
export { watchPresence } from "./presence";
export { ApiProblem, asProblem, isProblem } from "./problem";
export * from "./queries";
export { planReplay } from "./replay";
export { useSavePreferences } from "./savePreferences";
export { countUnsent, deliverLeftovers, drainAll, forgetOutbox, guardLeaving, positionOf, trackOutbox } from "./unsent";
export { type Action, useAction } from "./useAction";
export type * from "./wire";
