/** Accounts: invite with a one-time link, change a role, lock, link again. Nobody ever types somebody else's password. */
import { Badge, Button, Group, Modal, Select, Table, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";
import {
  asProblem,
  createLink,
  createUser,
  sessionQuery,
  type UserOut,
  updateUser,
  useAction,
  usersQuery,
} from "../../api";
import { ActionsHead, ConfirmByName, EmptyState, FormDialog, Page, Problem, ShownOnce, t, Waiting } from "../../ui";
import { UserAccess } from "./UserAccess";

const roles = ["expert", "admin", "integrator"] as const;
const roleChoices = roles.map((value) => ({ value, label: t.users.roles[value] }));

type Link = { name: string; url: string; expires_at: string };

export function UsersPage() {
  const users = useQuery(usersQuery);
  const [inviting, setInviting] = useState(false);
  const [link, setLink] = useState<Link | null>(null);
  const invite = (
    <Button leftSection={<UserPlus size={16} />} data-testid="invite-user" onClick={() => setInviting(true)}>
      {t.users.invite}
    </Button>
  );
  return (
    <Page title={t.nav.users} actions={invite}>
      {users.error && <Problem problem={asProblem(users.error)} retry={() => void users.refetch()} />}
      {users.isPending && !users.error && <Waiting />}
      {users.data?.items.length === 0 && <EmptyState title={t.users.none} next={t.users.noneNext} action={invite} />}
      {users.data && users.data.items.length > 0 && <Users users={users.data.items} onLink={setLink} />}
      {inviting && (
        <Invite
          onClose={() => setInviting(false)}
          onLink={(made) => {
            setInviting(false);
            setLink(made);
          }}
        />
      )}
      {link && (
        <Modal opened onClose={() => setLink(null)} title={t.users.linkTitle} closeOnClickOutside={false} size="lg">
          <ShownOnce text={link.url} note={t.users.linkNote(link.name, t.units.dateTime(link.expires_at))} />
        </Modal>
      )}
    </Page>
  );
}

function Users({ users, onLink }: { users: readonly UserOut[]; onLink: (link: Link) => void }) {
  const me = useQuery(sessionQuery).data?.user.id;
  const update = useAction(updateUser, { stale: ["users"] });
  const linkFor = async (user: UserOut) => ({ name: user.name, ...(await createLink(user.id)) });
  const again = useAction(linkFor, { onDone: onLink });
  const [looked, setLooked] = useState<UserOut | null>(null);
  const [locking, setLocking] = useState<UserOut | null>(null);
  return (
    <Table.ScrollContainer minWidth={760}>
      {looked && <UserAccess user={looked} onClose={() => setLooked(null)} />}
      {locking && <Lock user={locking} onClose={() => setLocking(null)} />}
      <Table verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.users.displayName}</Table.Th>
            <Table.Th>{t.users.name}</Table.Th>
            <Table.Th>{t.users.role}</Table.Th>
            <Table.Th>{t.worklist.state}</Table.Th>
            <ActionsHead />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {users.map((user) => (
            <Table.Tr key={user.id} data-testid="user-row">
              <Table.Td>
                <bdi>{user.display_name}</bdi>
              </Table.Td>
              <Table.Td>
                <bdi>{user.name}</bdi>
              </Table.Td>
              <Table.Td>
                {user.id === me ? (
                  <Text size="sm">{t.users.roles[user.role]}</Text>
                ) : (
                  <Select
                    aria-label={t.users.roleOf(user.name)}
                    size="xs"
                    w={150}
                    data={roleChoices}
                    allowDeselect={false}
                    value={user.role}
                    onChange={(role) => role && update.run(user.id, { role })}
                  />
                )}
              </Table.Td>
              <Table.Td>
                <State user={user} />
              </Table.Td>
              <Table.Td>
                <Group gap={8} justify="flex-end" wrap="nowrap">
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t.users.accessLabel(user.name)}
                    onClick={() => setLooked(user)}
                  >
                    {t.users.access}
                  </Button>
                  <Button size="compact-sm" variant="default" onClick={() => again.run(user)}>
                    {t.users.newLink}
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    disabled={user.id === me}
                    onClick={() => (user.locked ? update.run(user.id, { locked: false }) : setLocking(user))}
                  >
                    {user.locked ? t.users.unlock : t.users.lock}
                  </Button>
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function State({ user }: { user: UserOut }) {
  const [colour, words] = user.locked
    ? ["orange", t.users.locked]
    : user.invited
      ? ["azure", t.users.invited]
      : ["teal", t.users.active];
  return (
    <Badge variant="light" color={colour} tt="none">
      {words}
    </Badge>
  );
}

function Lock({ user, onClose }: { user: UserOut; onClose: () => void }) {
  const lock = useAction(updateUser, { stale: ["users"], shownInPlace: true, onDone: onClose });
  return (
    <ConfirmByName
      title={t.users.lockTitle(user.display_name || user.name)}
      consequence={t.users.lockWhat}
      name={user.name}
      act={t.users.lock}
      busy={lock.busy}
      problem={lock.problem}
      onConfirm={() => lock.run(user.id, { locked: true })}
      onClose={onClose}
    />
  );
}

function Invite({ onClose, onLink }: { onClose: () => void; onLink: (link: Link) => void }) {
  const [name, setName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [role, setRole] = useState<UserOut["role"]>("expert");
  const create = useAction(createUser, {
    stale: ["users"],
    shownInPlace: true,
    onDone: ({ user, link }) => onLink({ name: user.name, ...link }),
  });
  return (
    <FormDialog
      title={t.users.invite}
      act={t.users.makeLink}
      busy={create.busy}
      problem={create.problem}
      ready={name.trim() !== "" && displayName.trim() !== ""}
      onSubmit={() => create.run({ name: name.trim(), display_name: displayName.trim(), role })}
      onClose={onClose}
    >
      <TextInput
        label={t.users.name}
        description={t.users.nameHint}
        required
        maxLength={64}
        autoComplete="off"
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label={t.users.displayName}
        required
        maxLength={200}
        autoComplete="off"
        value={displayName}
        onChange={(event) => setDisplayName(event.currentTarget.value)}
      />
      <Select
        label={t.users.role}
        data={roleChoices}
        allowDeselect={false}
        value={role}
        onChange={(value) => value && setRole(value)}
      />
    </FormDialog>
  );
}
