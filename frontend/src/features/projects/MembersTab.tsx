/** Which users may enter the project, and as what. */
import { ActionIcon, Button, Group, Select, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import {
  addMember,
  asProblem,
  type MemberOut,
  membersQuery,
  type ProjectOut,
  removeMember,
  sessionQuery,
  useAction,
  usersQuery,
} from "../../api";
import { ActionsHead, ConfirmByName, EmptyState, Problem, t, Waiting } from "../../ui";

const roles = ["reader", "manager", "adjudicator"] as const;

export function MembersTab({ project }: { project: ProjectOut }) {
  const members = useQuery(membersQuery(project.id));
  const session = useQuery(sessionQuery).data;
  const change = useAction(addMember, { stale: ["members", "project"] });
  const [removing, setRemoving] = useState<MemberOut | null>(null);
  if (members.error) return <Problem problem={asProblem(members.error)} retry={() => void members.refetch()} />;
  if (members.isPending) return <Waiting />;
  // Nobody changes their own role, and only an admin a manager's.
  const mayChange = ({ user_id, role }: MemberOut) =>
    user_id !== session?.user.id && (role !== "manager" || session?.user.role === "admin");
  return (
    <Stack>
      {members.data.items.length === 0 && <EmptyState title={t.project.noMembers} next={t.project.noMembersNext} />}
      {members.data.items.length > 0 && (
        <Table.ScrollContainer minWidth={520}>
          <Table maw={720} verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.users.displayName}</Table.Th>
                <Table.Th>{t.users.name}</Table.Th>
                <Table.Th>{t.users.role}</Table.Th>
                <ActionsHead width={48} />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {members.data.items.map((member) => (
                <Table.Tr key={member.user_id}>
                  <Table.Td>
                    <bdi>{member.display_name}</bdi>
                  </Table.Td>
                  <Table.Td>
                    <bdi>{member.name}</bdi>
                  </Table.Td>
                  <Table.Td>
                    {mayChange(member) ? (
                      <Select
                        aria-label={t.project.changeRoleOf(member.display_name)}
                        size="xs"
                        w={150}
                        data={roles
                          .filter((role) => session?.user.role === "admin" || role !== "manager")
                          .map((value) => ({ value, label: t.project.roles[value] }))}
                        allowDeselect={false}
                        value={member.role}
                        onChange={(role) => role && change.run(project.id, member.user_id, role)}
                      />
                    ) : (
                      <Text size="sm">{t.project.roles[member.role]}</Text>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={t.project.removeMember(member.display_name)}
                      disabled={member.user_id === session?.user.id}
                      onClick={() => setRemoving(member)}
                    >
                      <Trash2 size={16} />
                    </ActionIcon>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {removing && <RemoveMember projectId={project.id} member={removing} onClose={() => setRemoving(null)} />}
      <AddMember projectId={project.id} present={members.data.items.map((member) => member.user_id)} />
    </Stack>
  );
}

function RemoveMember({ projectId, member, onClose }: { projectId: string; member: MemberOut; onClose: () => void }) {
  const remove = useAction(removeMember, { stale: ["members", "project"], shownInPlace: true, onDone: onClose });
  return (
    <ConfirmByName
      title={t.project.removeMember(member.display_name)}
      consequence={t.project.removeMemberWhat}
      name={member.name}
      act={t.project.removeMemberAct}
      busy={remove.busy}
      problem={remove.problem}
      onConfirm={() => remove.run(projectId, member.user_id)}
      onClose={onClose}
    />
  );
}

function AddMember({ projectId, present }: { projectId: string; present: readonly string[] }) {
  const isAdmin = useQuery(sessionQuery).data?.user.role === "admin";
  const users = useQuery({ ...usersQuery, enabled: isAdmin });
  const [userId, setUserId] = useState<string | null>(null);
  const [role, setRole] = useState<MemberOut["role"]>("reader");
  const add = useAction(addMember, { stale: ["members", "project"], onDone: () => setUserId(null) });
  if (!isAdmin) return null;
  const choices = (users.data?.items ?? []).filter((user) => !present.includes(user.id));
  return (
    <Group align="start">
      <Select
        label={t.project.addMember}
        placeholder={t.project.chooseUser}
        searchable
        data={choices.map((user) => ({ value: user.id, label: `${user.display_name} (${user.name})` }))}
        value={userId}
        onChange={setUserId}
        w={280}
      />
      <Select
        label={t.users.role}
        description={t.project.roleHints[role]}
        inputWrapperOrder={["label", "input", "description"]}
        data={roles.map((value) => ({ value, label: t.project.roles[value] }))}
        allowDeselect={false}
        value={role}
        onChange={(value) => value && setRole(value)}
        w={280}
      />
      <Button mt={25} disabled={!userId} loading={add.busy} onClick={() => userId && add.run(projectId, userId, role)}>
        {t.project.add}
      </Button>
    </Group>
  );
}
