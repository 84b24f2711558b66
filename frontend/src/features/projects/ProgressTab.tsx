/** How far the reading is, image by image and expert by expert; in a blinded project only how many have submitted. */
import { Badge, Button, Group, Progress, Stack, Table, Text, VisuallyHidden } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Check, Circle, CircleDashed, PencilLine } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import {
  type AssignmentOut,
  asProblem,
  type ImageProgressOut,
  type ProjectOut,
  progressQuery,
  projectExpertsQuery,
  thumbnailAddress,
} from "../../api";
import { ActionsHead, EmptyState, Problem, Thumbnail, t, Waiting } from "../../ui";
import { ImageReadsMenu, type Reader } from "./ImageReads";

/** Shape as well as colour, so that a column can be read by anybody. */
const signs: Readonly<Record<AssignmentOut["state"], ReactNode>> = {
  assigned: <Circle size={16} aria-hidden />,
  opened: <CircleDashed size={16} aria-hidden />,
  drafting: <PencilLine size={16} aria-hidden />,
  submitted: <Check size={16} aria-hidden />,
  withdrawn: null,
};

export function ProgressTab({ project }: { project: ProjectOut }) {
  const progress = useInfiniteQuery(progressQuery(project.id));
  const experts = useQuery(projectExpertsQuery(project.id)).data?.items ?? [];
  const rows = progress.data?.pages.flatMap((page) => page.items) ?? [];
  if (progress.error) return <Problem problem={asProblem(progress.error)} retry={() => void progress.refetch()} />;
  if (progress.isPending) return <Waiting />;
  if (rows.length === 0) return <EmptyState title={t.project.noImages} next={t.project.noImagesNext} />;
  const isBlinded = rows.every((row) => row.readings === null);
  const columns = isBlinded ? [] : experts;
  return (
    <Stack>
      {isBlinded ? <Text c="dimmed">{t.project.blindedProgress}</Text> : <Legend />}
      <Table.ScrollContainer minWidth={360 + 90 * columns.length}>
        <Table verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th colSpan={2}>{t.worklist.image}</Table.Th>
              <Table.Th w={190}>{t.worklist.progress}</Table.Th>
              {columns.map((expert) => (
                <Table.Th key={expert.expert_id}>
                  <bdi>{expert.name}</bdi>
                </Table.Th>
              ))}
              <ActionsHead width={48} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row
                key={row.image_id}
                project={project}
                row={row}
                columns={columns.map((expert) => expert.expert_id)}
                experts={experts.map((expert) => ({ id: expert.expert_id, name: expert.name }))}
              />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {progress.hasNextPage && (
        <Button variant="default" loading={progress.isFetchingNextPage} onClick={() => void progress.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}

type RowProps = { project: ProjectOut; row: ImageProgressOut; columns: readonly string[]; experts: readonly Reader[] };

function Row({ project, row, columns, experts }: RowProps) {
  return (
    <Table.Tr data-testid="progress-row">
      <Table.Td w={52}>
        <Thumbnail address={thumbnailAddress(row.image_id, row.image_sha256)} name={row.image_name} size={40} />
      </Table.Td>
      <Table.Td>
        <bdi>{row.image_name}</bdi>
      </Table.Td>
      <Table.Td>
        <Text size="sm" className="tabular">
          {t.worklist.done(row.submitted, row.asked)}
        </Text>
        <Progress
          size="xs"
          color="teal"
          value={row.asked > 0 ? (100 * row.submitted) / row.asked : 0}
          aria-label={t.project.progressOf(row.image_name)}
        />
      </Table.Td>
      {columns.map((expertId) => {
        const reading = row.readings?.find((one) => one.expert_id === expertId);
        return (
          <Table.Td key={expertId}>
            {reading ? (
              <Link
                to={`/read/${reading.assignment_id}`}
                aria-label={t.project.lookAtReading(row.image_name, t.states[reading.state])}
                style={{ display: "inline-flex", padding: 4, color: "var(--ui-here-text)" }}
              >
                {signs[reading.state]}
              </Link>
            ) : (
              <VisuallyHidden>{t.project.notAsked}</VisuallyHidden>
            )}
          </Table.Td>
        );
      })}
      <Table.Td>
        <ImageReadsMenu
          project={project}
          image={{ id: row.image_id, name: row.image_name }}
          experts={experts}
          readings={row.readings}
        />
      </Table.Td>
    </Table.Tr>
  );
}

function Legend() {
  return (
    <Group gap="md">
      {(["assigned", "opened", "drafting", "submitted"] as const).map((state) => (
        <Badge key={state} variant="outline" color="gray" tt="none" leftSection={signs[state]}>
          {t.states[state]}
        </Badge>
      ))}
    </Group>
  );
}
