/** Pages for admins. */
export { ExpertsPage } from "./ExpertsPage";
export { SystemPage } from "./SystemPage";
export { UsersPage } from "./UsersPage";
