/** My reads: what is left, how far I am, and one button that opens the next. The server filters, sorts and pages. */
import { Badge, Button, Group, Progress, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Play, Search } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import {
  type AssignmentFilter,
  type AssignmentOut,
  asProblem,
  assignmentCountsQuery,
  assignmentsQuery,
  nextAssignment,
  type ProjectOut,
  projectsQuery,
  sessionQuery,
  thumbnailAddress,
} from "../../api";
import { ActionsHead, EmptyState, Page, Problem, SimulatedBadge, say, Thumbnail, t, Waiting } from "../../ui";
import { hasOlderPrediction, helpOf } from "./help";

const states = ["assigned", "opened", "drafting", "submitted"] as const;
const sorts = ["order", "name", "updated"] as const;
const typing_ms = 250;

export function WorklistPage() {
  const [filter, set] = useFilter();
  const projects = useQuery(projectsQuery);
  const reads = useInfiniteQuery(assignmentsQuery(filter));
  const rows = reads.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = Boolean(filter.projectId || filter.state || filter.modality || filter.name);
  return (
    <Page
      title={t.worklist.title}
      actions={<StartButton projectId={filter.projectId} disabled={rows.length === 0 && !isFiltered} />}
    >
      <Filters filter={filter} set={set} projects={projects.data?.items ?? []} />
      <Done projectId={filter.projectId} />
      {reads.error && <Problem problem={asProblem(reads.error)} retry={() => void reads.refetch()} />}
      {reads.isPending && !reads.error && <Waiting />}
      {reads.data && rows.length === 0 && <NothingToRead filtered={isFiltered} />}
      {rows.length > 0 && rows.every((row) => !row.prediction && row.state !== "submitted") && (
        <Text size="sm" c="dimmed" data-testid="no-predictions">
          {t.worklist.noPredictions}
        </Text>
      )}
      {rows.length > 0 && <Reads rows={rows} projects={projects.data?.items ?? []} />}
      {rows.length > 0 && (
        <Group>
          <Text size="sm" c="dimmed" role="status" data-testid="reads-shown">
            {t.worklist.shown(rows.length, reads.hasNextPage)}
          </Text>
          {reads.hasNextPage && (
            <Button variant="default" loading={reads.isFetchingNextPage} onClick={() => void reads.fetchNextPage()}>
              {t.shell.more}
            </Button>
          )}
        </Group>
      )}
    </Page>
  );
}

type Set = (key: "project" | "state" | "modality" | "name" | "sort", value: string | null) => void;

/** The filter as the address says it, so that it can be kept and shared. */
function useFilter(): [AssignmentFilter, Set] {
  const [search, setSearch] = useSearchParams();
  const set = useCallback<Set>(
    (key, value) =>
      setSearch(
        (old) => {
          if (value) old.set(key, value);
          else old.delete(key);
          return old;
        },
        { replace: key === "name" },
      ),
    [setSearch],
  );
  const filter: AssignmentFilter = {
    projectId: search.get("project"),
    state: states.find((name) => name === search.get("state")) ?? null,
    modality: search.get("modality"),
    name: search.get("name") ?? "",
    sort: sorts.find((name) => name === search.get("sort")) ?? "order",
  };
  return [filter, set];
}

function Filters({ filter, set, projects }: { filter: AssignmentFilter; set: Set; projects: readonly ProjectOut[] }) {
  const counts = useQuery(assignmentCountsQuery).data?.items ?? [];
  const modalities = [...new Set(counts.map((one) => one.modality))].sort();
  return (
    <search aria-label={t.worklist.filters}>
      <Group align="end">
        <NameSearch name={filter.name} onName={(name) => set("name", name)} />
        <Select
          label={t.worklist.project}
          placeholder={t.worklist.allProjects}
          clearable
          searchable
          data={projects.map((project) => ({ value: project.id, label: project.name }))}
          value={filter.projectId}
          onChange={(value) => set("project", value)}
          w={230}
        />
        <Select
          label={t.worklist.state}
          placeholder={t.worklist.allStates}
          clearable
          data={states.map((value) => ({ value, label: t.states[value] }))}
          value={filter.state}
          onChange={(value) => set("state", value)}
          w={160}
        />
        <Select
          label={t.worklist.modality}
          placeholder={t.worklist.allModalities}
          clearable
          data={modalities}
          value={filter.modality}
          onChange={(value) => set("modality", value)}
          w={160}
        />
        <Select
          label={t.worklist.sort}
          allowDeselect={false}
          data={sorts.map((value) => ({ value, label: t.worklist.sorts[value] }))}
          value={filter.sort}
          onChange={(value) => set("sort", value === "order" ? null : value)}
          w={160}
        />
      </Group>
    </search>
  );
}

/** Asks the server once the typing pauses. */
function NameSearch({ name, onName }: { name: string; onName: (name: string) => void }) {
  const [typed, setTyped] = useState(name);
  useEffect(() => setTyped(name), [name]);
  useEffect(() => {
    if (typed === name) return;
    const pause = setTimeout(() => onName(typed), typing_ms);
    return () => clearTimeout(pause);
  }, [typed, name, onName]);
  return (
    <TextInput
      type="search"
      label={t.worklist.search}
      leftSection={<Search size={15} aria-hidden />}
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      w={230}
    />
  );
}

/** How far I am in all my reads, or in those of the chosen project. */
function Done({ projectId }: { projectId: string | null }) {
  const counts = (useQuery(assignmentCountsQuery).data?.items ?? []).filter(
    (one) => projectId === null || one.project_id === projectId,
  );
  const sum = (items: readonly { count: number }[]) => items.reduce((total, one) => total + one.count, 0);
  const all = sum(counts);
  const done = sum(counts.filter((one) => one.state === "submitted"));
  if (all === 0) return null;
  return (
    <Stack gap={4} maw={420}>
      <Text size="sm" c="dimmed" data-testid="worklist-progress">
        {t.worklist.done(done, all)}
      </Text>
      <Progress value={(100 * done) / all} color="teal" size="sm" aria-label={t.worklist.progress} />
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
            <Table.Th>{t.worklist.changed}</Table.Th>
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
                {row.submission && (
                  <Text size="xs" c="dimmed" mt={2} data-testid="read-help">
                    {helpOf(row.submission)}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <Text size="sm" {...(row.prediction ? {} : { c: "dimmed" })}>
                  {row.prediction ? row.prediction.style_label : t.worklist.noPrediction}
                </Text>
                {hasOlderPrediction(row) && (
                  <Text size="xs" c="dimmed" data-testid="older-style">
                    {t.worklist.olderStyle(row.live_style?.style_label ?? "")}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <Text size="sm" c="dimmed">
                  {t.units.dateTime(row.submission?.submitted_at ?? row.updated_at)}
                </Text>
              </Table.Td>
              <Table.Td ta="right">
                <Button
                  component={Link}
                  to={`/read/${row.id}`}
                  size="compact-sm"
                  variant="default"
                  aria-label={
                    row.state === "submitted"
                      ? t.worklist.lookNamed(row.image_name)
                      : t.worklist.openNamed(row.image_name)
                  }
                >
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
  const projects = useQuery(projectsQuery);
  const reviewed = projects.data?.items.filter((project) => project.role === "adjudicator") ?? [];
  if (filtered) return <EmptyState title={t.worklist.noneFiltered} next={t.worklist.noneFilteredNext} />;
  const other = data?.user.role === "admin" ? t.worklist.noneNextAdmin : t.worklist.noneNext;
  const links =
    reviewed.length > 0
      ? reviewed.map(({ id, name }) => [`/projects/${id}?tab=reviews`, t.worklist.reviewsOf(name)] as const)
      : [["/projects", t.nav.projects] as const];
  return (
    <EmptyState
      title={t.worklist.none}
      next={reviewed.length > 0 ? t.worklist.noneNextAdjudicator : other}
      action={links.map(([address, words]) => (
        <Button key={address} component={Link} to={address} variant="default">
          {words}
        </Button>
      ))}
    />
  );
}
