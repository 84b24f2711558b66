/** Projects: the list, and everything about one. */
export { ProjectPage } from "./ProjectPage";
export { ProjectsPage } from "./ProjectsPage";
