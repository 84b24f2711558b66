export type { Surface } from "./stage";
export { Volume3d } from "./Volume3d";
