/**
 * The frame around every page but the reading screen: banner, role-dependent navigation, the signed-in person.
 * It is handed its links and its person; it asks nobody (ui imports nothing of ours).
 */
import { Menu, UnstyledButton } from "@mantine/core";
import { CircleUserRound } from "lucide-react";
import type { ReactNode } from "react";
import { Link, NavLink } from "react-router";
import { Banner } from "./Banner";
import classes from "./Shell.module.css";
import { t } from "./strings";

export type NavigationLink = { to: string; label: string; icon: ReactNode };

type ShellProps = {
  links: readonly NavigationLink[];
  person: string;
  onSignOut: () => void;
  children: ReactNode;
};

export function Shell({ links, person, onSignOut, children }: ShellProps) {
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#main">
        {t.shell.skip}
      </a>
      <Banner />
      <header className={classes.header}>
        <Link to="/" className={classes.brand}>
          <img src="/favicon.svg" width={22} height={22} alt="" />
          {t.product}
        </Link>
        <nav className={classes.nav} aria-label={t.shell.navigation}>
          {links.map((link) => (
            <NavLink key={link.to} to={link.to} end={link.to === "/"} className={classes.link ?? ""}>
              {link.icon}
              {link.label}
            </NavLink>
          ))}
        </nav>
        <Menu position="bottom-end">
          <Menu.Target>
            <UnstyledButton className={classes.link} aria-label={t.shell.account(person)}>
              <CircleUserRound size={18} aria-hidden />
              <bdi>{person}</bdi>
            </UnstyledButton>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item component={Link} to="/account">
              {t.shell.myAccount}
            </Menu.Item>
            <Menu.Item onClick={onSignOut}>{t.shell.signOut}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </header>
      <main id="main" className={classes.main}>
        {children}
      </main>
    </div>
  );
}

/** The frame before anyone is signed in. */
export function PlainFrame({ children }: { children: ReactNode }) {
  return (
    <div className={classes.frame}>
      <Banner />
      <main id="main" className={classes.main}>
        {children}
      </main>
    </div>
  );
}
