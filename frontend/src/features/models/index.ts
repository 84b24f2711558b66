/** Model versions and styles of a project. */
export { ModelsTab } from "./ModelsTab";
