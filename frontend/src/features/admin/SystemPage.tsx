/** System health on one screen: is it ready, do the workers live, is there room. */
import { Badge, Card, Group, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { asProblem, readyQuery, type SystemOut, systemQuery } from "../../api";
import { EmptyState, Page, Problem, t, Waiting } from "../../ui";

/** A worker that was silent for longer is shown as lost; it writes its heartbeat every few seconds. */
const silent_s = 60;
const scarce_bytes = 5 * 2 ** 30;

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
        <SimpleGrid cols={{ base: 1, sm: 2, md: 4 }}>
          <Fact title={t.system.ready}>
            <Light good={isReady} words={isReady ? t.system.yes : t.system.no} />
          </Fact>
          <Fact title={t.system.version}>{system.data.version}</Fact>
          <Fact title={t.system.disk}>
            <Light
              good={system.data.disk_free_bytes > scarce_bytes}
              words={t.units.bytes(system.data.disk_free_bytes)}
            />
          </Fact>
          <Fact title={t.system.database}>{t.units.bytes(system.data.database_bytes)}</Fact>
        </SimpleGrid>
      )}
      <Facts
        title={t.system.checks}
        facts={checks.map(([name, works]) => [t.system.check[name] ?? name, works ? t.system.yes : t.system.no])}
      />
      {system.data && (
        <>
          <Facts
            title={t.system.queues}
            facts={Object.entries(system.data.queues).map(([name, queue]) => [
              name,
              t.system.load(queue.running, queue.queued),
            ])}
          />
          <Workers workers={system.data.workers} />
        </>
      )}
    </Page>
  );
}

function Fact({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card withBorder bg="dark.6" p="sm">
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      <Text component="div" fw={600}>
        {children}
      </Text>
    </Card>
  );
}

function Light({ good, words }: { good: boolean; words: string }) {
  return (
    <Badge variant="light" color={good ? "teal" : "orange"} tt="none" size="lg">
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
      <Table maw={520} verticalSpacing={4}>
        <Table.Tbody>
          {facts.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Td>{name}</Table.Td>
              <Table.Td ta="right">{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function Workers({ workers }: { workers: SystemOut["workers"] }) {
  return (
    <section>
      <Title order={2} mb={6}>
        {t.system.workers}
      </Title>
      {workers.length === 0 && <EmptyState title={t.system.noWorkers} next={t.system.noWorkersNext} />}
      <Stack gap={6}>
        {workers.map((worker) => {
          const silence_s = (Date.now() - Date.parse(worker.last_seen)) / 1000;
          return (
            <Group key={worker.name} gap={12}>
              <Light
                good={silence_s < silent_s}
                words={silence_s < silent_s ? t.system.alive : t.system.silent(t.units.duration(silence_s))}
              />
              <Text size="sm" ff="monospace">
                <bdi>{worker.name}</bdi>
              </Text>
              <Text size="sm" c="dimmed">
                {t.system.queueOf(worker.queue, worker.device)}
              </Text>
            </Group>
          );
        })}
      </Stack>
    </section>
  );
}
