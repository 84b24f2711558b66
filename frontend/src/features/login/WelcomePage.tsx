/**
 * A one-time link: `/welcome#secret`. The secret stays in the fragment, which browsers do not send, and is wiped from
 * the address as soon as it was read.
 */
import { Button, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { isProblem, lookAtLink, redeemLink, sessionQuery, useAction } from "../../api";
import { isGoodPassword, NewPassword, PlainFrame, Problem, t } from "../../ui";

export function WelcomePage() {
  const [secret] = useState(() => window.location.hash.slice(1));
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const navigate = useNavigate();
  const queries = useQueryClient();
  const look = useAction(lookAtLink, { shownInPlace: true, onDone: (invited) => setName(invited.name) });
  const ask = useRef(look.run);
  useEffect(() => {
    if (secret !== "") ask.current(secret);
  }, [secret]);
  useEffect(() => {
    window.history.replaceState(window.history.state, "", window.location.pathname);
  }, []);
  const redeem = useAction(redeemLink, {
    shownInPlace: true,
    onDone: (session) => {
      queries.clear();
      queries.setQueryData(sessionQuery.queryKey, session);
      void navigate("/", { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isGoodPassword(password, again)) redeem.run(secret, password);
  };
  const unusable = secret === "" ? { title: t.welcome.noSecretTitle, detail: t.welcome.noSecret } : look.problem;
  if (unusable)
    return (
      <PlainFrame>
        <Stack maw={480} mx="auto" mt="12vh" p="md">
          <Problem
            problem={unusable}
            {...(look.problem && !isProblem(look.problem, 410) ? { retry: () => look.run(secret) } : {})}
          />
        </Stack>
      </PlainFrame>
    );
  return (
    <PlainFrame>
      <Paper maw={420} mx="auto" mt="10vh" p="xl" radius="md" withBorder bg="var(--ui-card)">
        <form onSubmit={submit}>
          <Stack>
            <Title order={1}>{t.welcome.title}</Title>
            <Text size="sm">{t.welcome.body}</Text>
            {redeem.problem && <Problem problem={redeem.problem} />}
            <TextInput
              label={t.login.name}
              description={t.welcome.nameHint}
              autoComplete="username"
              readOnly
              value={name}
            />
            <NewPassword password={password} again={again} autoFocus onPassword={setPassword} onAgain={setAgain} />
            <Button type="submit" loading={redeem.busy}>
              {t.welcome.set}
            </Button>
          </Stack>
        </form>
      </Paper>
    </PlainFrame>
  );
}
