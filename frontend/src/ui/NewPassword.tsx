/** A new password, typed twice, with the rules of the server's `accounts/rules/passwords.py` in words. Paste is welcome. */
import { PasswordInput } from "@mantine/core";
import { t } from "./strings";

const shortest = 12;

/** What can be told without the server, which has the last word. */
export function isGoodPassword(password: string, again: string): boolean {
  return password.length >= shortest && password === again;
}

type Props = {
  password: string;
  again: string;
  autoFocus?: boolean;
  onPassword: (password: string) => void;
  onAgain: (again: string) => void;
};

export function NewPassword({ password, again, autoFocus = false, onPassword, onAgain }: Props) {
  const tooShort = password !== "" && password.length < shortest;
  const differs = again !== "" && again !== password;
  return (
    <>
      <PasswordInput
        label={t.newPassword.password}
        description={t.newPassword.rules(shortest)}
        autoComplete="new-password"
        required
        autoFocus={autoFocus}
        value={password}
        error={tooShort && t.newPassword.tooShort(shortest)}
        onChange={(event) => onPassword(event.currentTarget.value)}
      />
      <PasswordInput
        label={t.newPassword.again}
        autoComplete="new-password"
        required
        value={again}
        error={differs && t.newPassword.differs}
        onChange={(event) => onAgain(event.currentTarget.value)}
      />
    </>
  );
}
