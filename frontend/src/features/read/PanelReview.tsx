/** The disputed regions of a review: which one is looked at, what the readers drew there, and the decision on it. */
import { ActionIcon, Button, Group, SimpleGrid, Stack, Text, Tooltip } from "@mantine/core";
import { Check, ChevronLeft, ChevronRight } from "lucide-react";
import { t } from "../../ui";
import { acts, type Decision, type OpinionGroup, reasons } from "./decisions";
import { dashPattern, lookOfExpert, voxelVolume_mm3 } from "./looks";
import { Choice } from "./optionParts";
import { LineSwatch } from "./PanelExperts";
import { KeyHint, Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { type ReviewState, useRead } from "./store";

export function ReviewSection() {
  const review = useRead((state) => state.review);
  if (!review) return null;
  return (
    <Section title={t.review.title}>
      <Stack gap={8}>
        {review.changes.length > 0 && <Changes changes={review.changes} canBeginAnew={review.canBeginAnew} />}
        {!review.isLoaded && (
          <Text size="sm" c={review.problem ? "orange" : "dimmed"}>
            {review.problem ?? t.review.loading}
          </Text>
        )}
        {review.isLoaded && review.count === 0 && <Text size="sm">{t.review.agreed}</Text>}
        {review.at >= 0 && <Regions />}
        {review.rimVoxels > 0 && <Rims voxels={review.rimVoxels} />}
      </Stack>
    </Section>
  );
}

/** What became of the readings since the review began, and the way to follow them. */
function Changes({ changes, canBeginAnew }: Pick<ReviewState, "changes" | "canBeginAnew">) {
  const { title, what, goesOn, waits, offer } = t.review.changed;
  return (
    <Stack gap={4} data-testid="review-changes">
      <Text size="sm" fw={600} c="orange">
        {title}
      </Text>
      {changes.map((change, n) => (
        <Text key={change.letter ?? n} size="xs">
          {what[change.what](change.letter ?? "")}
        </Text>
      ))}
      <Text size="xs" c="dimmed">
        {canBeginAnew ? goesOn : waits}
      </Text>
      {canBeginAnew && (
        <Button
          size="xs"
          variant="light"
          color="orange"
          data-testid="begin-anew"
          onClick={() => useRead.setState({ asked: { about: "begin-anew" } })}
        >
          {offer}
        </Button>
      )}
    </Stack>
  );
}

function Rims({ voxels }: { voxels: number }) {
  const size = useSize(voxels);
  return (
    <Text size="xs" c="dimmed">
      {t.review.rims(size)}
    </Text>
  );
}

function Regions() {
  const { reviewing } = useSession();
  const review = useRead((state) => state.review);
  const size = useSize(review?.voxels ?? 0);
  if (!review || !reviewing) return null;
  return (
    <>
      <Group gap={4} wrap="nowrap">
        <Turn label={t.review.previous} disabled={review.at === 0} onClick={() => reviewing.step(-1)}>
          <ChevronLeft size={16} />
        </Turn>
        <Text size="sm" flex={1} ta="center" data-testid="review-place" aria-live="polite">
          {t.review.place(review.at + 1, review.count, size)}
        </Text>
        <Turn label={t.review.next} disabled={review.at === review.count - 1} onClick={() => reviewing.step(1)}>
          <ChevronRight size={16} />
        </Turn>
        <KeyHint command="next-dispute" />
      </Group>
      <DecisionWords decision={review.decision} />
      <Stack gap={2}>
        {review.opinions.map((group) => (
          <Opinion key={group.letters[0]} group={group} />
        ))}
      </Stack>
      <SimpleGrid cols={2} spacing={6} verticalSpacing={6}>
        {acts.map((act) => (
          <Tooltip key={act} label={t.review.actHints[act]} multiline maw={260}>
            <Button
              size="xs"
              variant="default"
              disabled={!review.canDecide}
              aria-pressed={review.decision?.act === act}
              data-testid={`decide-${act}`}
              onClick={() => reviewing.act(act)}
            >
              {t.review.acts[act]}
            </Button>
          </Tooltip>
        ))}
      </SimpleGrid>
      {review.canDecide && (
        <Choice
          label={t.review.reason}
          value={review.reason}
          values={reasons.map((reason) => [reason, t.review.reasons[reason]] as const)}
          onChange={(reason) => reviewing.setReason(reason)}
        />
      )}
      <Text size="xs" c="dimmed" data-testid="review-progress">
        {t.review.progress(review.decided, review.count)}
      </Text>
    </>
  );
}

type TurnProps = { label: string; disabled: boolean; onClick: () => void; children: React.ReactNode };

function Turn({ label, disabled, onClick, children }: TurnProps) {
  return (
    <ActionIcon size={26} variant="default" aria-label={label} disabled={disabled} onClick={onClick}>
      {children}
    </ActionIcon>
  );
}

function DecisionWords({ decision }: { decision: Decision | null }) {
  const words = decision ? t.review.decided(nameOf(decision), whyOf(decision)) : t.review.undecided;
  return (
    <Group gap={6} wrap="nowrap" data-testid="review-decision" data-act={decision?.act ?? "none"}>
      {decision && <Check size={14} aria-hidden />}
      <Text size="sm" c={decision ? "teal.3" : "dimmed"}>
        {words}
      </Text>
    </Group>
  );
}

function nameOf({ act, letter }: Decision): string {
  return act === "take" ? t.review.reader(letter ?? "") : t.review.acts[act];
}

function whyOf({ reason }: Decision): string | null {
  return reason === "none" ? null : t.review.reasons[reason];
}

/** Readers who drew the same here, in one row; the digit of each takes it. */
function Opinion({ group: { letters, positions, voxels } }: { group: OpinionGroup }) {
  const { reviewing } = useSession();
  const canDecide = useRead((state) => state.review?.canDecide ?? false);
  const isTaken = useRead(
    ({ review }) => review?.decision?.act === "take" && letters.includes(review.decision.letter ?? ""),
  );
  const size = useSize(voxels);
  const [first = 0] = positions;
  return (
    <div className={classes.row} data-chosen={isTaken} data-testid="opinion-row">
      {positions.map((position) => (
        <Swatch key={position} position={position} />
      ))}
      <button
        type="button"
        className={classes.rowName}
        disabled={!canDecide}
        aria-pressed={isTaken}
        title={t.review.taking(letters)}
        onClick={() => reviewing?.take(first)}
      >
        {t.review.take(letters)}
      </button>
      <span className={classes.figure}>{voxels === 0 ? t.review.nothingHere : size}</span>
      {positions.map((position) => position < 9 && <DigitHint key={position} position={position} />)}
    </div>
  );
}

/** The line that this reader's outline is drawn with. */
function Swatch({ position }: { position: number }) {
  const { colour, dash } = lookOfExpert(position);
  return <LineSwatch colour={colour ?? ""} dashes={dashPattern[dash]} />;
}

const digits = [
  "label-1",
  "label-2",
  "label-3",
  "label-4",
  "label-5",
  "label-6",
  "label-7",
  "label-8",
  "label-9",
] as const;

function DigitHint({ position }: { position: number }) {
  const command = digits[position];
  return command ? <KeyHint command={command} /> : null;
}

/** So many voxels in ml, or in voxels where the image has no lengths. */
function useSize(voxels: number): string {
  const image = useRead((state) => state.facts?.image);
  const voxel_mm3 = image ? voxelVolume_mm3(image) : null;
  return voxel_mm3 === null ? t.read.voxels(voxels) : t.read.millilitres((voxels * voxel_mm3) / 1000);
}
