/** Compare mode: two label maps, their difference in colour, and how alike they are, kept up to date while I draw. */
import { Button, Select, Stack, Table, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { asProblem } from "../../api";
import type { CompareSide, LabelAgreement } from "../../engine";
import { say, t } from "../../ui";
import { bringSide, type Candidate, type CandidateGroup, drawing, dropSide, listCandidates } from "./compare";
import { hideHeat } from "./layers";
import { Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import type { ReadSession } from "./session";
import { useRead } from "./store";

/** A stroke is measured when the hand rests. */
const settle_ms = 400;

export function CompareSection() {
  const session = useSession();
  const [groups, setGroups] = useState<CandidateGroup[] | null>(null);
  const open = () => listCandidates(session).then(setGroups, (error: unknown) => say(asProblem(error).detail, "error"));
  return (
    <Section title={t.compare.title}>
      {groups === null ? (
        <>
          <Text size="xs" c="dimmed" mb={6}>
            {t.compare.hint}
          </Text>
          <Button size="xs" variant="default" data-testid="compare-open" onClick={() => void open()}>
            {t.compare.open}
          </Button>
        </>
      ) : (
        <Comparing groups={groups} onClose={() => setGroups(null)} />
      )}
    </Section>
  );
}

function Comparing({ groups, onClose }: { groups: CandidateGroup[]; onClose: () => void }) {
  const session = useSession();
  const candidates = groups.flatMap((group) => group.items);
  const [first, ...others] = candidates;
  const [a, setA] = useState<string | null>(first?.value ?? null);
  const [b, setB] = useState<string | null>(others.find((one) => one.value !== drawing)?.value ?? null);
  const [label, setLabel] = useState<number | null>(null);
  const sideA = useSide(session, candidates, a);
  const sideB = useSide(session, candidates, b);
  const agreement = useAgreement(session, sideA, sideB);
  const top = useRef<HTMLDivElement>(null);

  // The figures stand below the fold of a small screen otherwise.
  useEffect(() => top.current?.scrollIntoView({ block: "start" }), []);
  useEffect(() => {
    if (!sideA || !sideB) return;
    useRead.setState({ heat: "difference" });
    void session.viewer.showHeat({ kind: "difference", a: sideA, b: sideB, label });
  }, [session, sideA, sideB, label]);
  useEffect(() => () => hideHeat(session.viewer), [session]);

  const data = groups.map(({ group, items }) => ({
    group,
    items: items.map(({ value, label: name }) => ({ value, label: name })),
  }));
  const pick = { data, size: "xs", allowDeselect: false, comboboxProps: { width: 260 } } as const;
  return (
    <>
      <Stack gap={4} mb={8} ref={top}>
        <Select {...pick} label={t.compare.sideA} value={a} onChange={setA} data-testid="compare-a" />
        <Select {...pick} label={t.compare.sideB} value={b} onChange={setB} data-testid="compare-b" />
      </Stack>
      <Figures agreement={agreement} label={label} onLabel={setLabel} />
      <Button size="xs" variant="default" mt={8} onClick={onClose}>
        {t.compare.close}
      </Button>
    </>
  );
}

type FiguresProps = {
  agreement: readonly LabelAgreement[] | null;
  label: number | null;
  onLabel: (label: number | null) => void;
};

function Figures({ agreement, label, onLabel }: FiguresProps) {
  const labels = useRead((state) => state.labels);
  if (agreement === null) return <Text size="xs">{t.compare.measuring}</Text>;
  return (
    <>
      <Table fz={12} verticalSpacing={2} horizontalSpacing={4} data-testid="compare-figures">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.compare.label}</Table.Th>
            <Table.Th ta="right">{t.compare.dice}</Table.Th>
            <Table.Th ta="right">{t.compare.hd95}</Table.Th>
            <Table.Th ta="right">{t.compare.assd}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className={classes.compared}>
          {agreement.map((row) => {
            const name = labels.find((one) => one.value === row.label)?.name ?? String(row.label);
            return (
              <Table.Tr key={row.label} data-chosen={row.label === label}>
                <Table.Td w="50%" maw={0}>
                  <button
                    type="button"
                    className={classes.rowName}
                    title={name}
                    style={{ width: "100%" }}
                    aria-pressed={row.label === label}
                    onClick={() => onLabel(row.label === label ? null : row.label)}
                  >
                    <bdi>{name}</bdi>
                  </button>
                </Table.Td>
                <Table.Td ta="right">{row.dice.toFixed(3)}</Table.Td>
                <Table.Td ta="right">{row.distances?.hd95Mm.toFixed(2) ?? t.compare.none}</Table.Td>
                <Table.Td ta="right">{row.distances?.assdMm.toFixed(2) ?? t.compare.none}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt={4}>
        {t.compare.figuresHint}
      </Text>
    </>
  );
}

/** The chosen candidate as the engine knows it; null while it is on its way. */
function useSide(session: ReadSession, candidates: readonly Candidate[], value: string | null): CompareSide | null {
  const [side, setSide] = useState<CompareSide | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list is made anew at each render, its members are not
  useEffect(() => {
    const candidate = candidates.find((one) => one.value === value);
    if (!candidate) return;
    let left = false;
    let brought: CompareSide | null = null;
    setSide(null);
    bringSide(session, candidate).then(
      (next) => {
        brought = next;
        if (left) dropSide(session, next);
        else setSide(next);
      },
      (error: unknown) => say(t.compare.failed(asProblem(error).detail), "error"),
    );
    return () => {
      left = true;
      dropSide(session, brought);
    };
  }, [session, value]);
  return side;
}

/** Measured anew when a side changes, and when the drawing does while it is one of them. */
function useAgreement(session: ReadSession, a: CompareSide | null, b: CompareSide | null) {
  const labels = useRead((state) => state.labels);
  const voxels = useRead((state) => state.voxels);
  const drawn = a === drawing || b === drawing ? voxels : null;
  const [agreement, setAgreement] = useState<readonly LabelAgreement[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `drawn` says that the drawing changed
  useEffect(() => {
    if (!a || !b) return;
    let left = false;
    const due = setTimeout(() => {
      session.viewer
        .compare(
          a,
          b,
          labels.map((one) => one.value),
        )
        .then(
          (next) => !left && setAgreement(next),
          (error: unknown) => !left && say(t.compare.failed(asProblem(error).detail), "error"),
        );
    }, settle_ms);
    return () => {
      left = true;
      clearTimeout(due);
    };
  }, [session, a, b, labels, drawn]);
  return agreement;
}
