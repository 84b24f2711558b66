/** Asks before a fill changes more voxels than a fill does unasked: nearly always a leak. */
import { Button } from "@mantine/core";
import { Question, t } from "../../ui";
import { useRead } from "./store";

export function LargeFill() {
  const question = useRead((state) => state.question);
  const close = () => useRead.setState({ question: null });
  const fill = () => {
    close();
    question?.proceed();
  };
  const { title, words, no, yes } = t.read.largeFill;
  return (
    <Question opened={question !== null} title={title} words={words} back={no} onBack={close}>
      <Button onClick={fill}>{yes}</Button>
    </Question>
  );
}
