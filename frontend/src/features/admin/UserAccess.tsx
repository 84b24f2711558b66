/** One user's ways in: the browsers that are signed in and the tokens of their programs; each can be ended at once. */
import { Badge, Button, Group, Modal, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import {
  asProblem,
  endSession,
  revokeToken,
  type UserOut,
  useAction,
  userSessionsQuery,
  userTokensQuery,
} from "../../api";
import { ActionsHead, Problem, t, Waiting } from "../../ui";

export function UserAccess({ user, onClose }: { user: UserOut; onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title={t.users.accessOf(user.display_name || user.name)} size="lg">
      <Stack>
        <Title order={3}>{t.users.sessions}</Title>
        <Sessions userId={user.id} />
        <Title order={3}>{t.account.tokens}</Title>
        <Tokens userId={user.id} />
      </Stack>
    </Modal>
  );
}

export function Sessions({ userId }: { userId: string }) {
  const sessions = useQuery(userSessionsQuery(userId));
  const end = useAction(endSession, { stale: ["user-sessions"] });
  if (sessions.error) return <Problem problem={asProblem(sessions.error)} retry={() => void sessions.refetch()} />;
  if (!sessions.data) return <Waiting />;
  if (sessions.data.items.length === 0) return <Text size="sm">{t.users.noSessions}</Text>;
  return (
    <Table.ScrollContainer minWidth={420}>
      <Table verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.users.browser}</Table.Th>
            <Table.Th>{t.users.since}</Table.Th>
            <Table.Th>{t.users.lastUsed}</Table.Th>
            <ActionsHead width={90} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sessions.data.items.map((session) => (
            <Table.Tr key={session.id} data-testid="session-row">
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                <Text size="xs" lineClamp={2}>
                  {session.user_agent ?? t.users.unknownBrowser}
                </Text>
              </Table.Td>
              <Table.Td>{t.units.dateTime(session.created_at)}</Table.Td>
              <Table.Td>{t.units.dateTime(session.last_gesture_at)}</Table.Td>
              <Table.Td>
                {session.is_this ? (
                  <Badge variant="outline" tt="none">
                    {t.users.thisBrowser}
                  </Badge>
                ) : (
                  <Button size="compact-sm" variant="default" onClick={() => end.run(userId, session.id)}>
                    {t.users.endSession}
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Tokens({ userId }: { userId: string }) {
  const tokens = useQuery(userTokensQuery(userId));
  const revoke = useAction(revokeToken, { stale: ["tokens"] });
  if (tokens.error) return <Problem problem={asProblem(tokens.error)} retry={() => void tokens.refetch()} />;
  if (!tokens.data) return <Waiting />;
  if (tokens.data.items.length === 0) return <Text size="sm">{t.account.noTokens}</Text>;
  return (
    <Stack gap={6}>
      {tokens.data.items.map((token) => (
        <Group key={token.id} justify="space-between">
          <Text size="sm">
            <bdi>{token.name}</bdi> ({token.scopes.map((scope) => t.account.scope[scope]).join(", ")}),{" "}
            {t.account.lastUsed}: {token.last_used_at ? t.units.dateTime(token.last_used_at) : t.account.never}
          </Text>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={t.account.revoke(token.name)}
            onClick={() => revoke.run(token.id)}
          >
            {t.users.revoke}
          </Button>
        </Group>
      ))}
    </Stack>
  );
}
