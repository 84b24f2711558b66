/** What is asked before a key does more than the doctor may mean: an empty submit, a prediction over drawn voxels. */
import { Button } from "@mantine/core";
import { Question, t } from "../../ui";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

const close = () => useRead.setState({ asked: null });

export function Questions({ onSubmit }: { onSubmit: () => void }) {
  return (
    <>
      <EmptySubmit onSubmit={onSubmit} />
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
    if (accepts) session.takeProposal("all");
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

function Overdraw() {
  const session = useSession();
  const asked = useRead((state) => (state.asked?.about === "overdraw" ? state.asked : null));
  const accept = () => {
    close();
    if (asked) session.takeProposal(asked.scope);
  };
  const { title, words, keep, accept: yes } = t.read.overdraw;
  return (
    <Question opened={asked !== null} title={title} words={words(asked?.voxels ?? 0)} back={keep} onBack={close}>
      <Button onClick={accept}>{yes}</Button>
    </Question>
  );
}
