/** The API tokens I gave to programs. */
import { ActionIcon, Button, Checkbox, Group, Modal, NumberInput, Stack, Table, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { asProblem, createToken, revokeToken, type TokenOut, tokensQuery, useAction } from "../../api";
import { ActionsHead, EmptyState, Problem, ShownOnce, t } from "../../ui";

export function TokensTab() {
  const tokens = useQuery(tokensQuery);
  const [making, setMaking] = useState(false);
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>{t.account.tokens}</Title>
        <Button variant="default" onClick={() => setMaking(true)}>
          {t.account.newToken}
        </Button>
      </Group>
      {tokens.error && <Problem problem={asProblem(tokens.error)} retry={() => void tokens.refetch()} />}
      {tokens.data?.items.length === 0 && <EmptyState title={t.account.noTokens} next={t.account.noTokensNext} />}
      {tokens.data && tokens.data.items.length > 0 && <Tokens tokens={tokens.data.items} />}
      {making && <NewToken onClose={() => setMaking(false)} />}
    </Stack>
  );
}

function Tokens({ tokens }: { tokens: readonly TokenOut[] }) {
  const revoke = useAction(revokeToken, { stale: ["tokens"] });
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t.account.tokenName}</Table.Th>
          <Table.Th>{t.account.tokenStart}</Table.Th>
          <Table.Th>{t.account.scopes}</Table.Th>
          <Table.Th>{t.account.expires}</Table.Th>
          <Table.Th>{t.account.lastUsed}</Table.Th>
          <ActionsHead width={48} />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {tokens.map((token) => (
          <Table.Tr key={token.id}>
            <Table.Td>
              <bdi>{token.name}</bdi>
            </Table.Td>
            <Table.Td ff="monospace">{`${token.prefix}…`}</Table.Td>
            <Table.Td>{token.scopes.map((scope) => t.account.scope[scope]).join(", ")}</Table.Td>
            <Table.Td>{t.units.dateTime(token.expires_at)}</Table.Td>
            <Table.Td>{token.last_used_at ? t.units.dateTime(token.last_used_at) : t.account.never}</Table.Td>
            <Table.Td>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t.account.revoke(token.name)}
                onClick={() => revoke.run(token.id)}
              >
                <Trash2 size={16} />
              </ActionIcon>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

const scopes = ["read", "write", "manage"] as const;

function NewToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [days, setDays] = useState(90);
  const [chosen, setChosen] = useState<string[]>(["read"]);
  const [secret, setSecret] = useState<string | null>(null);
  const create = useAction(createToken, {
    stale: ["tokens"],
    shownInPlace: true,
    onDone: (made) => setSecret(made.secret),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.run(
      name.trim(),
      scopes.filter((scope) => chosen.includes(scope)),
      days,
    );
  };
  return (
    <Modal opened onClose={onClose} title={t.account.newToken} closeOnClickOutside={secret === null}>
      {secret ? (
        <ShownOnce text={secret} note={t.account.tokenOnce} />
      ) : (
        <form onSubmit={submit}>
          <Stack>
            {create.problem && <Problem problem={create.problem} />}
            <TextInput
              label={t.account.tokenName}
              description={t.account.tokenNameHint}
              required
              maxLength={200}
              data-autofocus
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Checkbox.Group label={t.account.scopes} value={chosen} onChange={setChosen}>
              <Group mt={4}>
                {scopes.map((scope) => (
                  <Checkbox key={scope} value={scope} label={t.account.scope[scope]} />
                ))}
              </Group>
            </Checkbox.Group>
            <NumberInput
              label={t.account.days}
              min={1}
              max={365}
              allowDecimal={false}
              value={days}
              onChange={(value) => setDays(Number(value) || 90)}
            />
            <Button type="submit" loading={create.busy} disabled={name.trim() === "" || chosen.length === 0}>
              {t.account.newToken}
            </Button>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
