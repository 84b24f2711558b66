/** What is asked before a key does more than the doctor may mean: an empty submit, a prediction over drawn voxels. */
import { Button, Group, Modal, Text } from "@mantine/core";
import { t } from "../../ui";
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
  return (
    <Modal opened={opened} onClose={close} title={t.read.emptySubmit.title} size="lg">
      <Text size="sm" mb="md">
        {t.read.emptySubmit.words}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={close} data-autofocus>
          {t.read.emptySubmit.back}
        </Button>
        <Button variant="default" onClick={() => submit(false)}>
          {t.read.emptySubmit.empty}
        </Button>
        <Button disabled={isBroken} onClick={() => submit(true)}>
          {t.read.emptySubmit.accept}
        </Button>
      </Group>
    </Modal>
  );
}

function Overdraw() {
  const session = useSession();
  const asked = useRead((state) => (state.asked?.about === "overdraw" ? state.asked : null));
  const accept = () => {
    close();
    if (asked) session.takeProposal(asked.scope);
  };
  return (
    <Modal opened={asked !== null} onClose={close} title={t.read.overdraw.title}>
      <Text size="sm" mb="md">
        {t.read.overdraw.words(asked?.voxels ?? 0)}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={close} data-autofocus>
          {t.read.overdraw.keep}
        </Button>
        <Button onClick={accept}>{t.read.overdraw.accept}</Button>
      </Group>
    </Modal>
  );
}
