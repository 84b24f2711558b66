/** What is asked before more is done than the doctor may mean: an empty submit, regions not decided, a review begun anew, something taken over upon drawn voxels. */
import { Button } from "@mantine/core";
import { asProblem } from "../../api";
import type { LabelInfo } from "../../engine";
import { Question, say, t } from "../../ui";
import { useSession } from "./SessionContext";
import { wholeProposal } from "./session";
import { useRead } from "./store";

const close = () => useRead.setState({ asked: null });

type QuestionsProps = { onSubmit: () => void; onReopened: () => void };

export function Questions({ onSubmit, onReopened }: QuestionsProps) {
  return (
    <>
      <EmptySubmit onSubmit={onSubmit} />
      <OpenRegions onSubmit={onSubmit} />
      <BeginAnew onReopened={onReopened} />
      <Overdraw />
    </>
  );
}

function EmptySubmit({ onSubmit }: { onSubmit: () => void }) {
  const session = useSession();
  const opened = useRead(({ asked }) => asked?.about === "empty-submit");
  const isBroken = useRead(({ proposal }) => proposal?.problem !== null);
  const submit = (accepts: boolean) => {
    close();
    if (accepts) session.takeProposal(wholeProposal);
    onSubmit();
  };
  const { title, words, back, empty, accept } = t.read.emptySubmit;
  return (
    <Question opened={opened} title={title} words={words} back={back} onBack={close} size="lg">
      <Button variant="default" onClick={() => submit(false)}>
        {empty}
      </Button>
      <Button disabled={isBroken} onClick={() => submit(true)}>
        {accept}
      </Button>
    </Question>
  );
}

function OpenRegions({ onSubmit }: { onSubmit: () => void }) {
  const asked = useRead((state) => (state.asked?.about === "open-regions" ? state.asked : null));
  const submit = () => {
    close();
    onSubmit();
  };
  const { title, words, back, submit: all } = t.review.open;
  return (
    <Question opened={asked !== null} title={title} words={words(asked?.open ?? 0)} back={back} onBack={close}>
      <Button onClick={submit}>{all}</Button>
    </Question>
  );
}

/** What waits to be sent is sent first, so that it is in the history. */
function BeginAnew({ onReopened }: { onReopened: () => void }) {
  const session = useSession();
  const opened = useRead(({ asked }) => asked?.about === "begin-anew");
  const isSettled = session.facts.review?.state === "submitted";
  const begin = async () => {
    close();
    try {
      await session.saveNow();
      const begun = await session.reviewing?.beginAnew();
      if (begun) say(t.review.anew.begun(begun.kept, begun.dropped), "good");
      onReopened();
    } catch (error) {
      say(t.review.anew.failed(asProblem(error).detail), "error");
    }
  };
  const { title, words, settled, back, begin: yes } = t.review.anew;
  return (
    <Question
      opened={opened}
      title={title}
      words={isSettled ? `${words} ${settled}` : words}
      back={back}
      onBack={close}
    >
      <Button onClick={() => void begin()}>{yes}</Button>
    </Question>
  );
}

function Overdraw() {
  const asked = useRead((state) => (state.asked?.about === "overdraw" ? state.asked : null));
  const labels = useRead((state) => state.labels);
  const accept = () => {
    close();
    asked?.proceed();
  };
  const { title, words, taken, named, keep, accept: yes } = t.read.overdraw;
  const what = asked?.taken.kind === "opinion" ? named(asked.taken.name) : taken[asked?.taken.kind ?? "prediction"];
  const voxels = countByName(asked?.voxels ?? new Map(), labels);
  return (
    <Question opened={asked !== null} title={title} words={words(what, voxels)} back={keep} onBack={close}>
      <Button onClick={accept}>{yes(what)}</Button>
    </Question>
  );
}

/** Voxels by the name of what I made them, most first. */
function countByName(voxels: ReadonlyMap<number, number>, labels: readonly LabelInfo[]): [string, number][] {
  const nameOf = (value: number) => {
    if (value === 0) return t.read.overdraw.erased;
    return labels.find((label) => label.value === value)?.name ?? t.read.labelNumber(value);
  };
  return [...voxels].sort(([, a], [, b]) => b - a).map(([value, count]) => [nameOf(value), count]);
}
