/** Asks before a fill changes more voxels than a fill does unasked: nearly always a leak. */
import { Button, Group, Modal, Text } from "@mantine/core";
import { t } from "../../ui";
import { useRead } from "./store";

export function LargeFill() {
  const question = useRead((state) => state.question);
  const close = () => useRead.setState({ question: null });
  const fill = () => {
    close();
    question?.proceed();
  };
  return (
    <Modal opened={question !== null} onClose={close} title={t.read.largeFill.title}>
      <Text size="sm" mb="md">
        {t.read.largeFill.words}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={close} data-autofocus>
          {t.read.largeFill.no}
        </Button>
        <Button onClick={fill}>{t.read.largeFill.yes}</Button>
      </Group>
    </Modal>
  );
}
