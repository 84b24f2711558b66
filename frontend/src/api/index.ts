/** The door to the server. */
export * from "./actions";
export { addressOf, bytes, onSignedOut, sendFile, thumbnailAddress } from "./client";
export { listenToServer, onServerEvent, type ServerEvent } from "./events";
export {
  Outbox,
  type OutboxClock,
  type OutboxPort,
  type OutgoingEdit,
  type Position,
  type PostAnswer,
  type SaveState,
} from "./outbox";
export { watchPresence } from "./presence";
export { ApiProblem, asProblem, isProblem } from "./problem";
export * from "./queries";
export { countUnsent, forgetOutbox, trackOutbox } from "./unsent";
export { type Action, useAction } from "./useAction";
export type * from "./wire";
