/** My reads: what is left, how far I am, and one button that opens the next. The filters are in the address. */
import { Badge, Button, Group, Progress, Select, Stack, Table, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import {
  type AssignmentOut,
  asProblem,
  assignmentsQuery,
  nextAssignment,
  type ProjectOut,
  projectsQuery,
  sessionQuery,
  thumbnailAddress,
} from "../../api";
import { ActionsHead, EmptyState, Page, Problem, SimulatedBadge, say, Thumbnail, t, Waiting } from "../../ui";

const states = ["assigned", "opened", "drafting", "submitted"] as const;

export function WorklistPage() {
  const [search, setSearch] = useSearchParams();
  const projectId = search.get("project");
  const state = states.find((name) => name === search.get("state")) ?? null;
  const projects = useQuery(projectsQuery);
  const reads = useInfiniteQuery(assignmentsQuery({ projectId, state }));
  const rows = reads.data?.pages.flatMap((page) => page.items) ?? [];
  const set = (key: string, value: string | null) =>
    setSearch((old) => {
      if (value) old.set(key, value);
      else old.delete(key);
      return old;
    });
  return (
    <Page title={t.worklist.title} actions={<StartButton projectId={projectId} disabled={rows.length === 0} />}>
      <Group align="end">
        <Select
          label={t.worklist.project}
          placeholder={t.worklist.allProjects}
          clearable
          data={(projects.data?.items ?? []).map((project) => ({ value: project.id, label: project.name }))}
          value={projectId}
          onChange={(value) => set("project", value)}
          w={280}
        />
        <Select
          label={t.worklist.state}
          placeholder={t.worklist.allStates}
          clearable
          data={states.map((value) => ({ value, label: t.states[value] }))}
          value={state}
          onChange={(value) => set("state", value)}
          w={200}
        />
        {!state && !reads.hasNextPage && <Done rows={rows} />}
      </Group>
      {reads.error && <Problem problem={asProblem(reads.error)} retry={() => void reads.refetch()} />}
      {reads.isPending && !reads.error && <Waiting />}
      {reads.data && rows.length === 0 && <NothingToRead filtered={Boolean(projectId || state)} />}
      {rows.length > 0 && rows.every((row) => !row.prediction && row.state !== "submitted") && (
        <Text size="sm" c="dimmed" data-testid="no-predictions">
          {t.worklist.noPredictions}
        </Text>
      )}
      {rows.length > 0 && <Reads rows={rows} projects={projects.data?.items ?? []} />}
      {reads.hasNextPage && (
        <Button variant="default" loading={reads.isFetchingNextPage} onClick={() => void reads.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Page>
  );
}

function Done({ rows }: { rows: readonly AssignmentOut[] }) {
  const counted = rows.filter((row) => row.state !== "withdrawn");
  const done = counted.filter((row) => row.state === "submitted").length;
  if (counted.length === 0) return null;
  return (
    <Stack gap={4} flex={1} miw={180}>
      <Text size="sm" c="dimmed" data-testid="worklist-progress">
        {t.worklist.done(done, counted.length)}
      </Text>
      <Progress value={(100 * done) / counted.length} color="teal" size="sm" aria-label={t.worklist.progress} />
    </Stack>
  );
}

function StartButton({ projectId, disabled }: { projectId: string | null; disabled: boolean }) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    try {
      const next = await nextAssignment(null, projectId);
      if (next) await navigate(`/read/${next.id}`);
      else say(t.worklist.allDone, "good");
    } catch (error) {
      say(asProblem(error).detail, "error");
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button
      leftSection={<Play size={16} />}
      loading={busy}
      disabled={disabled}
      data-testid="start-reading"
      onClick={() => void start()}
    >
      {t.worklist.start}
    </Button>
  );
}

const stateColour = {
  assigned: "gray",
  opened: "azure",
  drafting: "yellow",
  submitted: "teal",
  withdrawn: "dark",
} as const;

function Reads({ rows, projects }: { rows: readonly AssignmentOut[]; projects: readonly ProjectOut[] }) {
  const simulated = new Set(projects.filter((project) => project.simulated).map((project) => project.id));
  return (
    <Table.ScrollContainer minWidth={620}>
      <Table verticalSpacing={6} highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th colSpan={2}>{t.worklist.image}</Table.Th>
            <Table.Th>{t.worklist.project}</Table.Th>
            <Table.Th>{t.worklist.state}</Table.Th>
            <Table.Th>{t.worklist.prediction}</Table.Th>
            <ActionsHead />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id} data-testid="read-row" data-state={row.state}>
              <Table.Td>
                <Thumbnail address={thumbnailAddress(row.image_id, row.image_sha256)} name={row.image_name} size={56} />
              </Table.Td>
              <Table.Td>
                <Link to={`/read/${row.id}`} style={{ color: "var(--ui-here-text)" }}>
                  <bdi>{row.image_name}</bdi>
                </Link>
                <Text size="xs" c="dimmed">
                  {t.units.image(row.modality, row.image_dims)}
                </Text>
              </Table.Td>
              <Table.Td>
                <Group gap={8}>
                  <bdi>{row.project_name}</bdi>
                  {simulated.has(row.project_id) && <SimulatedBadge />}
                </Group>
              </Table.Td>
              <Table.Td>
                <Badge variant="light" color={stateColour[row.state]} tt="none">
                  {t.states[row.state]}
                </Badge>
              </Table.Td>
              <Table.Td>
                <Text size="sm" c={row.prediction ? "dark.0" : "dimmed"}>
                  {row.prediction ? row.prediction.style_label : t.worklist.noPrediction}
                </Text>
              </Table.Td>
              <Table.Td ta="right">
                <Button component={Link} to={`/read/${row.id}`} size="compact-sm" variant="default">
                  {row.state === "submitted" ? t.worklist.look : t.worklist.open}
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function NothingToRead({ filtered }: { filtered: boolean }) {
  const { data } = useQuery(sessionQuery);
  if (filtered) return <EmptyState title={t.worklist.noneFiltered} next={t.worklist.noneFilteredNext} />;
  const next = data?.user.role === "admin" ? t.worklist.noneNextAdmin : t.worklist.noneNext;
  return (
    <EmptyState
      title={t.worklist.none}
      next={next}
      action={
        <Button component={Link} to="/projects" variant="default">
          {t.nav.projects}
        </Button>
      }
    />
  );
}
