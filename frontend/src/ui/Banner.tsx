/** The statement of intended use: on every screen, not dismissible (VIEWER.md, section 3). */
import classes from "./Shell.module.css";
import { t } from "./strings";

export function Banner() {
  return (
    <aside className={classes.banner} aria-label={t.shell.intendedUse} data-testid="research-banner">
      {t.banner}
    </aside>
  );
}
