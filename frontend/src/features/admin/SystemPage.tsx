/** System health on one screen: is it ready, do the workers live, is there room, what failed and why, is the audit whole. */
import { Alert, Badge, Button, Card, Group, Progress, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { asProblem, checkAudit, failedJobsQuery, readyQuery, type SystemOut, systemQuery, useAction } from "../../api";
import { EmptyState, Page, Problem, t, Waiting } from "../../ui";

/** A worker that was silent for longer is shown as lost; it writes its heartbeat every few seconds. */
const silent_s = 60;
const scarceShare = 0.1;
const backupDue_s = 48 * 3600;

export function SystemPage() {
  const system = useQuery(systemQuery);
  const ready = useQuery(readyQuery);
  const checks = Object.entries(ready.data ?? {});
  const isReady = checks.length > 1 && checks.every(([, works]) => works);
  return (
    <Page title={t.nav.system}>
      {system.error && <Problem problem={asProblem(system.error)} retry={() => void system.refetch()} />}
      {system.isPending && !system.error && <Waiting />}
      {system.data && (
        <>
          <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
            <Fact title={t.system.ready}>
              <Light good={isReady} words={isReady ? t.system.yes : t.system.no} />
            </Fact>
            <Room title={t.system.disk} free={system.data.disk_free_bytes} total={system.data.disk_total_bytes} />
            <Room
              title={t.system.memory}
              free={system.data.memory_available_bytes}
              total={system.data.memory_total_bytes}
            />
            <Fact title={t.system.load}>{t.system.loadOf(system.data.load)}</Fact>
            <Fact title={t.system.database}>{t.units.bytes(system.data.database_bytes)}</Fact>
            <Backup at={system.data.last_backup_at} now={system.data.now} />
          </SimpleGrid>
          <Alarms alarms={system.data.checksum_alarms} />
          <Workers workers={system.data.workers} now={system.data.now} />
          <Facts
            title={t.system.queues}
            facts={Object.entries(system.data.queues).map(([name, queue]) => [
              t.system.queue[name] ?? name,
              t.system.jobs(
                queue.running,
                queue.queued,
                queue.oldest_queued_at && t.units.duration(secondsBetween(queue.oldest_queued_at, system.data.now)),
              ),
            ])}
          />
        </>
      )}
      <Failures />
      <Facts
        title={t.system.checks}
        facts={checks.map(([name, works]) => [t.system.check[name] ?? name, works ? t.system.yes : t.system.no])}
      />
      <AuditCheck />
      {system.data && (
        <Facts
          title={t.system.versions}
          facts={[["Consilium", system.data.version], ...Object.entries(system.data.versions)]}
        />
      )}
    </Page>
  );
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}

function Fact({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card withBorder bg="var(--ui-card)" p="sm">
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      <Text component="div" fw={600}>
        {children}
      </Text>
    </Card>
  );
}

function Room({ title, free, total }: { title: string; free: number | null; total: number | null }) {
  if (free === null || total === null) return <Fact title={title}>{t.system.unknown}</Fact>;
  const scarce = free < scarceShare * total;
  return (
    <Fact title={title}>
      {t.system.roomOf(t.units.bytes(free), t.units.bytes(total))}
      <Progress
        mt={6}
        size="sm"
        color={scarce ? "orange" : "teal"}
        value={100 * (1 - free / total)}
        aria-label={t.system.used(title)}
      />
      {scarce && (
        <Text size="xs" mt={4}>
          {t.system.scarce}
        </Text>
      )}
    </Fact>
  );
}

function Backup({ at, now }: { at: string | null; now: string }) {
  const age_s = at === null ? null : secondsBetween(at, now);
  const isDue = age_s === null || age_s >= backupDue_s;
  return (
    <Fact title={t.system.backup}>
      <Light good={!isDue} words={age_s === null ? t.system.noBackup : t.system.ago(t.units.duration(age_s))} />
      {isDue && (
        <Text size="xs" mt={4}>
          {t.system.backupHow}
        </Text>
      )}
    </Fact>
  );
}

function Light({ good, words }: { good: boolean; words: string }) {
  return (
    <Badge variant="outline" color={good ? "teal" : "orange"} tt="none" size="lg">
      {words}
    </Badge>
  );
}

function Facts({ title, facts }: { title: string; facts: readonly (readonly [string, string])[] }) {
  return (
    <section>
      <Title order={2} mb={6}>
        {title}
      </Title>
      <Table maw={640} verticalSpacing={4}>
        <Table.Tbody>
          {facts.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th fw={400}>{name}</Table.Th>
              <Table.Td ta="right" style={{ overflowWrap: "anywhere" }}>
                {value}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function Workers({ workers, now }: { workers: SystemOut["workers"]; now: string }) {
  return (
    <section>
      <Title order={2} mb={6}>
        {t.system.workers}
      </Title>
      {workers.length === 0 && <EmptyState title={t.system.noWorkers} next={t.system.noWorkersNext} />}
      <Stack gap={6}>
        {workers.map((worker) => {
          const silence_s = secondsBetween(worker.last_seen, now);
          const alive = silence_s < silent_s;
          return (
            <Group key={worker.name} gap={12} data-testid="worker-row">
              <Light good={alive} words={alive ? t.system.alive : t.system.silent(t.units.duration(silence_s))} />
              <Text size="sm">{t.system.worksOn(t.system.queue[worker.queue] ?? worker.queue, worker.device)}</Text>
              <Text size="sm" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
                <bdi>{worker.name}</bdi>
              </Text>
            </Group>
          );
        })}
      </Stack>
    </section>
  );
}

/** A browser and the server saw different labels: rare, and never to be missed. */
function Alarms({ alarms }: { alarms: SystemOut["checksum_alarms"] }) {
  if (alarms.length === 0) return null;
  return (
    <section>
      <Title order={2} mb={6}>
        {t.system.alarms}
      </Title>
      <Stack gap="xs">
        {alarms.map((alarm) => (
          <Alert key={`${alarm.segmentation_id} ${alarm.at}`} color="red" variant="outline" role="note">
            {t.system.alarm(t.units.dateTime(alarm.at), alarm.segmentation_id, alarm.slices)}
          </Alert>
        ))}
      </Stack>
    </section>
  );
}

function Failures() {
  const failed = useQuery(failedJobsQuery);
  if (failed.error) return <Problem problem={asProblem(failed.error)} retry={() => void failed.refetch()} />;
  if (!failed.data) return null;
  return (
    <section>
      <Title order={2} mb={6}>
        {t.system.failures}
      </Title>
      {failed.data.items.length === 0 && <Text size="sm">{t.system.noFailures}</Text>}
      <Stack gap="xs">
        {failed.data.items.map((job) => (
          <Alert
            key={job.id}
            color="red"
            variant="outline"
            role="note"
            title={t.system.failure(t.jobs.kinds[job.kind], t.units.dateTime(job.finished_at ?? job.created_at))}
          >
            {job.error ? `${job.error.message} ${job.error.remedy}` : t.system.unknown}
          </Alert>
        ))}
      </Stack>
      {failed.data.items.length > 0 && (
        <Button component={Link} to="/jobs?state=failed" mt="xs" size="compact-sm" variant="default">
          {t.system.allFailures}
        </Button>
      )}
    </section>
  );
}

function AuditCheck() {
  const [found, setFound] = useState<Awaited<ReturnType<typeof checkAudit>> | null>(null);
  const check = useAction(checkAudit, { shownInPlace: true, onDone: setFound });
  return (
    <section>
      <Title order={2} mb={6}>
        {t.system.audit}
      </Title>
      <Group>
        <Button variant="default" loading={check.busy} onClick={() => check.run()}>
          {t.system.checkAudit}
        </Button>
        <Text size="sm" role="status" data-testid="audit-verdict">
          {found === null
            ? t.system.auditHint
            : found.broken_at === null
              ? t.system.auditWhole(found.rows)
              : t.system.auditBroken(found.broken_at)}
        </Text>
      </Group>
      {check.problem && <Problem problem={check.problem} />}
    </section>
  );
}
