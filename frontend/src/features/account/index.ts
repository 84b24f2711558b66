/** My own account. */
export { AccountPage } from "./Page";
