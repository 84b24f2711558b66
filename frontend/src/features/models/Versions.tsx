/** The project's shared networks, and the way from one to another. */
import { Button, Table, Text } from "@mantine/core";
import { useState } from "react";
import { type ModelOut, promoteModel, type WithdrawnBehindOut } from "../../api";
import { ActionsHead, t } from "../../ui";
import { figuresOf, trainedOn, withdrawnWords } from "./figures";
import { PromoteDialog } from "./PromoteDialog";
import { StateBadge } from "./StateBadge";
import { WithdrawnNote } from "./WithdrawnNote";

type Props = { models: readonly ModelOut[]; withdrawn: readonly WithdrawnBehindOut[]; manages: boolean };

export function Versions({ models, withdrawn, manages }: Props) {
  const [chosen, setChosen] = useState<ModelOut | null>(null);
  const wordsOf = (model: ModelOut) => withdrawnWords(withdrawn.find((one) => one.id === model.id));
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
              <Table.Td>
                {t.models.versionName(model.number, model.method)}
                <Text size="xs" c="dimmed">
                  {trainedOn(model.card)}
                </Text>
                <WithdrawnNote words={wordsOf(model)} next={model.state === "live" ? t.models.pretrainAgain : null} />
              </Table.Td>
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
          body={[t.models.promoteModelBody, wordsOf(chosen)].filter(Boolean).join(" ")}
          what={t.models.modelName(chosen.number)}
          act={(reason) => promoteModel(chosen.id, reason)}
          onClose={() => setChosen(null)}
        />
      )}
    </>
  );
}
