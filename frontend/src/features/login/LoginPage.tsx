/** Name and password; password managers and paste are welcome (WCAG 3.3.8). */
import { Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { sessionQuery, signIn, useAction } from "../../api";
import { PlainFrame, Problem, t } from "../../ui";
import { ownAddress } from "./ownAddress";

export function LoginPage() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const enter = useAction(signIn, {
    shownInPlace: true,
    onDone: (session) => {
      queries.clear();
      queries.setQueryData(sessionQuery.queryKey, session);
      void navigate(ownAddress(search.get("next")), { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    enter.run(name, password);
  };
  return (
    <PlainFrame>
      <Paper maw={380} mx="auto" mt="12vh" p="xl" radius="md" withBorder bg="var(--ui-card)">
        <form onSubmit={submit}>
          <Stack>
            <div>
              <Title order={1}>{t.product}</Title>
              <Text size="sm" c="dimmed">
                {t.login.subtitle}
              </Text>
            </div>
            {enter.problem && <Problem problem={enter.problem} />}
            <TextInput
              label={t.login.name}
              name="username"
              autoComplete="username"
              required
              data-autofocus
              autoFocus
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <PasswordInput
              label={t.login.password}
              name="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
            <Button type="submit" loading={enter.busy}>
              {t.login.signIn}
            </Button>
            <Text size="xs" c="dimmed">
              {t.login.noAccount}
            </Text>
          </Stack>
        </form>
      </Paper>
    </PlainFrame>
  );
}
