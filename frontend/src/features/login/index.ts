/** Signing in: the page, the one-time link, and the dialog when a session ended in mid-work. */
export { LoginPage } from "./LoginPage";
export { SignInAgain } from "./SignInAgain";
export { WelcomePage } from "./WelcomePage";
