/** Shared model versions, and each expert's style with its history, its gate in words, and the way back. */
import { Badge, Button, Card, Group, Modal, Stack, Table, Text, Textarea, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import {
  asProblem,
  type ModelOut,
  modelsQuery,
  promoteModel,
  promoteStyle,
  type StyleOut,
  stylesQuery,
  useAction,
} from "../../api";
import { ActionsHead, EmptyState, Problem, t, Waiting } from "../../ui";
import { figuresOf, gateWords } from "./figures";

const stateColour = { candidate: "gray", live: "teal", retired: "dark" } as const;

export function ModelsTab({ projectId, manages }: { projectId: string; manages: boolean }) {
  const models = useQuery(modelsQuery(projectId));
  const styles = useQuery(stylesQuery(projectId));
  const error = models.error ?? styles.error;
  if (error)
    return <Problem problem={asProblem(error)} retry={() => void Promise.all([models.refetch(), styles.refetch()])} />;
  if (!models.data || !styles.data) return <Waiting />;
  if (models.data.items.length === 0)
    return <EmptyState title={t.models.none} next={manages ? t.models.noneNext : t.models.noneReader} />;
  return (
    <Stack gap="xl">
      <section>
        <Title order={2} mb="sm">
          {t.models.versions}
        </Title>
        <Versions models={models.data.items} manages={manages} />
      </section>
      <section>
        <Title order={2} mb="sm">
          {t.models.styles}
        </Title>
        <Stack gap="sm">
          {byExpert(styles.data.items).map(([expertName, own]) => (
            <ExpertStyles key={expertName} expertName={expertName} styles={own} manages={manages} />
          ))}
        </Stack>
      </section>
    </Stack>
  );
}

function byExpert(styles: readonly StyleOut[]): [string, StyleOut[]][] {
  const groups = new Map<string, StyleOut[]>();
  for (const style of styles) groups.set(style.expert_name, [...(groups.get(style.expert_name) ?? []), style]);
  return [...groups].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
}

function Versions({ models, manages }: { models: readonly ModelOut[]; manages: boolean }) {
  const [chosen, setChosen] = useState<ModelOut | null>(null);
  return (
    <>
      <Table verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.models.version}</Table.Th>
            <Table.Th>{t.worklist.state}</Table.Th>
            <Table.Th>{t.models.figures}</Table.Th>
            <Table.Th>{t.models.made}</Table.Th>
            <ActionsHead />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {models.map((model) => (
            <Table.Tr key={model.id} data-testid="model-row" data-state={model.state}>
              <Table.Td>{t.models.versionName(model.number, model.method)}</Table.Td>
              <Table.Td>
                <StateBadge state={model.state} />
              </Table.Td>
              <Table.Td className="tabular">{figuresOf(model.metrics)}</Table.Td>
              <Table.Td>{t.units.dateTime(model.created_at)}</Table.Td>
              <Table.Td ta="right">
                {manages && model.state !== "live" && (
                  <Button size="compact-sm" variant="default" onClick={() => setChosen(model)}>
                    {model.state === "retired" ? t.models.rollBack : t.models.promote}
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {chosen && (
        <PromoteDialog
          title={t.models.promoteModel(chosen.number)}
          body={t.models.promoteModelBody}
          act={(reason) => promoteModel(chosen.id, reason)}
          onClose={() => setChosen(null)}
        />
      )}
    </>
  );
}

function StateBadge({ state }: { state: StyleOut["state"] }) {
  return (
    <Badge variant="light" color={stateColour[state]} tt="none">
      {t.models.states[state]}
    </Badge>
  );
}

type ExpertStylesProps = { expertName: string; styles: readonly StyleOut[]; manages: boolean };

function ExpertStyles({ expertName, styles, manages }: ExpertStylesProps) {
  const [chosen, setChosen] = useState<StyleOut | null>(null);
  const [all, setAll] = useState(false);
  const ordered = [...styles].sort((a, b) => b.number - a.number);
  const shown = all ? ordered : ordered.slice(0, 3);
  return (
    <Card withBorder bg="var(--ui-card)" p="sm" data-testid="expert-styles">
      <Text fw={600} mb={6}>
        <bdi>{expertName}</bdi>
      </Text>
      <Stack gap={10}>
        {shown.map((style) => (
          <Group key={style.id} align="flex-start" wrap="nowrap" data-testid="style-row" data-live={style.is_live}>
            <Text size="sm" w={34} className="tabular">{`v${style.number}`}</Text>
            <StateBadge state={style.is_live ? "live" : style.state === "live" ? "retired" : style.state} />
            <Stack gap={2} flex={1}>
              <Text size="sm">
                {t.models.styleLine(
                  t.models.origins[style.origin],
                  style.lineage_count,
                  style.gate ? "" : figuresOf(style.metrics),
                )}
              </Text>
              {style.gate && (
                <Text size="sm" c="dimmed" data-testid="gate-verdict">
                  {gateWords(style.gate)}
                </Text>
              )}
            </Stack>
            <Text size="xs" c="dimmed">
              {t.units.dateTime(style.created_at)}
            </Text>
            {!style.is_live && manages && (
              <Button size="compact-sm" variant="default" onClick={() => setChosen(style)}>
                {style.state === "retired" ? t.models.rollBack : t.models.promote}
              </Button>
            )}
          </Group>
        ))}
        {ordered.length > shown.length && (
          <Button size="compact-sm" variant="subtle" onClick={() => setAll(true)}>
            {t.models.olderStyles(ordered.length - shown.length)}
          </Button>
        )}
      </Stack>
      {chosen && (
        <PromoteDialog
          title={t.models.promoteStyle(expertName, chosen.number)}
          body={t.models.promoteStyleBody}
          act={(reason) => promoteStyle(chosen.id, reason)}
          onClose={() => setChosen(null)}
        />
      )}
    </Card>
  );
}

type PromoteProps = { title: string; body: string; act: (reason: string) => Promise<unknown>; onClose: () => void };

function PromoteDialog({ title, body, act, onClose }: PromoteProps) {
  const [reason, setReason] = useState("");
  const promote = useAction(act, { stale: ["styles", "models", "assignments"], shownInPlace: true, onDone: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    promote.run(reason.trim());
  };
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{body}</Text>
          {promote.problem && <Problem problem={promote.problem} />}
          <Textarea
            label={t.models.reason}
            required
            maxLength={1000}
            data-autofocus
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <Button type="submit" disabled={reason.trim() === ""} loading={promote.busy}>
            {t.models.confirm}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
