/** What an adjudicator may review: images whose readings are all there, each begun or not. */
import { Badge, Button, Stack, Table, Text, Tooltip } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { asProblem, type ProjectOut, type ReviewItemOut, reviewsQuery, thumbnailAddress } from "../../api";
import { ActionsHead, EmptyState, Problem, Thumbnail, t, Waiting } from "../../ui";

export function ReviewsTab({ project }: { project: ProjectOut }) {
  const reviews = useInfiniteQuery(reviewsQuery(project.id));
  const rows = reviews.data?.pages.flatMap((page) => page.items) ?? [];
  if (reviews.error) return <Problem problem={asProblem(reviews.error)} retry={() => void reviews.refetch()} />;
  if (reviews.isPending) return <Waiting />;
  if (rows.length === 0) return <EmptyState title={t.review.tab.none} next={t.review.tab.noneNext} />;
  return (
    <Stack>
      <Text c="dimmed">{t.review.tab.explain}</Text>
      <Table.ScrollContainer minWidth={480}>
        <Table verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th colSpan={2}>{t.worklist.image}</Table.Th>
              <Table.Th>{t.review.tab.stateHead}</Table.Th>
              <ActionsHead width={120} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.image_id} projectId={project.id} row={row} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {reviews.hasNextPage && (
        <Button variant="default" loading={reviews.isFetchingNextPage} onClick={() => void reviews.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}

const acts = { none: t.review.tab.begin, draft: t.review.tab.goOn, submitted: t.review.tab.look } as const;

function Row({ projectId, row }: { projectId: string; row: ReviewItemOut }) {
  const state = row.state ?? "none";
  return (
    <Table.Tr data-testid="review-row" data-state={state}>
      <Table.Td w={52}>
        <Thumbnail address={thumbnailAddress(row.image_id, row.image_sha256)} name={row.image_name} size={40} />
      </Table.Td>
      <Table.Td>
        <bdi>{row.image_name}</bdi>
        <Text size="xs" c="dimmed">
          {t.review.tab.readings(row.readings)}
        </Text>
      </Table.Td>
      <Table.Td>
        <Badge
          variant={state === "submitted" ? "light" : "outline"}
          color={state === "none" ? "gray" : "teal"}
          tt="none"
        >
          {t.review.tab.states[state]}
        </Badge>
        {row.is_outdated && (
          <Tooltip label={t.review.tab.outdatedHint} multiline maw={260}>
            <Badge variant="light" color="orange" tt="none" ml={6} data-testid="review-outdated">
              {t.review.tab.outdated}
            </Badge>
          </Tooltip>
        )}
      </Table.Td>
      <Table.Td ta="right">
        <Button
          component={Link}
          to={`/review/${projectId}/${row.image_id}`}
          size="xs"
          variant={state === "submitted" ? "default" : "filled"}
          aria-label={t.review.tab.named(acts[state], row.image_name)}
        >
          {acts[state]}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
