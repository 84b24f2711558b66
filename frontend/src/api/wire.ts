/** The wire classes by their names in the backend, so that pages read like the contract. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type SessionOut = Schemas["SessionOut"];
export type UserOut = Schemas["UserOut"];
export type PreferencesOut = Schemas["PreferencesOut"];
export type TokenOut = Schemas["TokenOut"];
export type ExpertOut = Schemas["ExpertOut"];
export type ImageOut = Schemas["ImageOut"];
export type ProjectOut = Schemas["ProjectOut"];
export type LabelOut = Schemas["LabelOut"];
export type PolicyOut = Schemas["PolicyOut"];
export type MemberOut = Schemas["MemberOut"];
export type ImageProgressOut = Schemas["ImageProgressOut"];
export type AssignmentOut = Schemas["AssignmentOut"];
export type SegmentationOut = Schemas["SegmentationOut"];
export type BegunAnewOut = Schemas["BegunAnewOut"];
export type ReviewOut = Schemas["ReviewOut"];
export type ReviewItemOut = Schemas["ReviewItemOut"];
export type RevisionOut = Schemas["RevisionOut"];
export type EditOut = Schemas["EditOut"];
export type OpinionPageOut = Schemas["OpinionPageOut"];
export type OpinionOut = Schemas["OpinionOut"];
export type PromptIn = Schemas["PromptIn"];
export type PropagationOut = Schemas["PropagationOut"];
export type PromptPageOut = Schemas["PromptPageOut"];
export type ModelOut = Schemas["ModelOut"];
export type WithdrawnBehindOut = Schemas["WithdrawnBehindOut"];
export type NextPersonalisationOut = Schemas["NextPersonalisationOut"];
export type StreamOut = Schemas["StreamOut"];
export type LearningCurveOut = Schemas["LearningCurveOut"];
export type EvaluatedOut = Schemas["EvaluatedOut"];
export type StyleOut = Schemas["StyleOut"];
export type JobOut = Schemas["JobOut"];
export type JobIn = Schemas["JobIn"];
export type MetricOut = Schemas["MetricOut"];
export type SystemOut = Schemas["SystemOut"];

/** One line of an import's result; the job's `result` is free JSON on the wire, so it is read with care. */
export type VerdictOut = { file: string; status: string; code: string; message: string };
