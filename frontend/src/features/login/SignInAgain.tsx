/** When a session ends in mid-work: hides the images, keeps everything drawn, goes on where it stopped. */
import { Button, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type SessionOut, signIn, useAction } from "../../api";
import { Banner, Problem, t } from "../../ui";

type Props = { session: SessionOut; onSignedIn: (session: SessionOut) => void; onLeave: () => void };

export function SignInAgain({ session, onSignedIn, onLeave }: Props) {
  const [password, setPassword] = useState("");
  const enter = useAction(signIn, { shownInPlace: true, onDone: onSignedIn });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    enter.run(session.user.name, password);
  };
  return (
    <Modal
      opened
      onClose={() => undefined}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title={t.login.endedTitle}
      overlayProps={{ backgroundOpacity: 1, color: "var(--mantine-color-body)" }}
      centered
    >
      <form onSubmit={submit}>
        <Stack>
          <Banner />
          <Text size="sm">{t.login.ended(session.user.display_name)}</Text>
          {enter.problem && <Problem problem={enter.problem} />}
          <input type="hidden" name="username" autoComplete="username" value={session.user.name} readOnly />
          <PasswordInput
            label={t.login.password}
            autoComplete="current-password"
            required
            data-autofocus
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" loading={enter.busy}>
            {t.login.signIn}
          </Button>
          <Button variant="subtle" color="gray" onClick={onLeave}>
            {t.login.someoneElse}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
