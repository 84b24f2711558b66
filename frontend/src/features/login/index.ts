/** Signing in: the page, the one-time link, and the dialog when a session ended in mid-work. */
export { IdleWatch } from "./IdleWatch";
export { LoginPage } from "./LoginPage";
export { SignInAgain } from "./SignInAgain";
export { useSignOut } from "./useSignOut";
export { WelcomePage } from "./WelcomePage";
