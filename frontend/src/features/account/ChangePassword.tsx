/** My own password: the present one proves that it is me at this screen. */
import { Button, Group, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { changePassword, useAction } from "../../api";
import { isGoodPassword, NewPassword, Problem, say, t } from "../../ui";

const words = t.account.password;

export function ChangePassword({ name }: { name: string }) {
  const [present, setPresent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const change = useAction(changePassword, {
    stale: ["user-sessions"],
    shownInPlace: true,
    onDone: () => {
      for (const empty of [setPresent, setPassword, setAgain]) empty("");
      say(words.done, "good");
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (present !== "" && isGoodPassword(password, again)) change.run(present, password);
  };
  return (
    <Stack component="section" gap="xs" mt="lg" maw={420} aria-label={words.title}>
      <Title order={2}>{words.title}</Title>
      <Text size="sm" c="dimmed">
        {words.hint}
      </Text>
      <form onSubmit={submit}>
        <Stack>
          {change.problem && <Problem problem={change.problem} />}
          {/* Password managers keep the new one under this name. */}
          <input type="text" autoComplete="username" value={name} readOnly hidden />
          <PasswordInput
            label={words.present}
            description={words.forgotten}
            autoComplete="current-password"
            required
            value={present}
            onChange={(event) => setPresent(event.currentTarget.value)}
          />
          <NewPassword password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
          <Group>
            <Button
              type="submit"
              variant="default"
              loading={change.busy}
              disabled={present === "" || !isGoodPassword(password, again)}
            >
              {words.change}
            </Button>
          </Group>
        </Stack>
      </form>
    </Stack>
  );
}
