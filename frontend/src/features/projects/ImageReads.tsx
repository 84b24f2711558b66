/** Who is asked to read one image: asking more experts, and taking reads back, submitted ones only where that is said. */
import { ActionIcon, Button, Checkbox, Menu, Modal, Stack, Switch, Text } from "@mantine/core";
import { EllipsisVertical } from "lucide-react";
import { useState } from "react";
import { createAssignments, type ImageProgressOut, type ProjectOut, useAction, withdrawReads } from "../../api";
import { DialogButtons, Problem, say, t } from "../../ui";
import { ReasonDialog } from "./ReasonDialog";

export type Reader = { id: string; name: string };
type Image = { id: string; name: string };
type Props = { project: ProjectOut; image: Image; experts: readonly Reader[] };
/** readings: null in a blinded project, where nobody learns whose reading is how far. */
type MenuProps = Props & { readings: ImageProgressOut["readings"] };

const stale = ["assignments", "project", "projects", "project-experts", "styles"];

export function ImageReadsMenu({ project, image, experts, readings }: MenuProps) {
  const stateOf = (expert: Reader) => readings?.find((one) => one.expert_id === expert.id)?.state;
  const unasked = experts.filter((expert) => stateOf(expert) === undefined);
  const asked = experts.filter((expert) => stateOf(expert) !== undefined);
  const unfinished = asked.filter((expert) => stateOf(expert) !== "submitted");
  const [open, setOpen] = useState<"ask" | "withdraw" | null>(null);
  const close = () => setOpen(null);
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.project.readsOf(image.name)}>
            <EllipsisVertical size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setOpen("ask")}>{t.project.askReads}</Menu.Item>
          <Menu.Item onClick={() => setOpen("withdraw")}>{t.project.withdrawReads}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {open === "ask" && (
        <AskReads project={project} image={image} experts={readings ? unasked : experts} onClose={close} />
      )}
      {open === "withdraw" && (
        <WithdrawReads
          project={project}
          image={image}
          experts={readings ? asked : experts}
          unfinished={readings ? unfinished : experts}
          onClose={close}
        />
      )}
    </>
  );
}

function AskReads({ project, image, experts, onClose }: Props & { onClose: () => void }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const ask = useAction(createAssignments, {
    stale,
    shownInPlace: true,
    onDone: ({ created }) => {
      say(t.project.asked(created), "good");
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={t.project.askTitle(image.name)}>
      <Stack>
        <Text size="sm">{t.project.askWhat}</Text>
        <ChooseExperts experts={experts} chosen={chosen} onChange={setChosen} none={t.project.nobodyToAsk} />
        {ask.problem && <Problem problem={ask.problem} />}
        <DialogButtons onBack={onClose}>
          <Button
            loading={ask.busy}
            disabled={chosen.length === 0}
            onClick={() => ask.run(project.id, [image.id], chosen)}
          >
            {t.project.ask}
          </Button>
        </DialogButtons>
      </Stack>
    </Modal>
  );
}

type WithdrawProps = Props & { unfinished: readonly Reader[]; onClose: () => void };

function WithdrawReads({ project, image, experts, unfinished, onClose }: WithdrawProps) {
  const [chosen, setChosen] = useState<string[]>([]);
  const [submitted, setSubmitted] = useState(false);
  const withdraw = useAction(withdrawReads, {
    stale,
    shownInPlace: true,
    onDone: ({ withdrawn }) => {
      say(t.project.withdrawn(withdrawn), withdrawn > 0 ? "good" : undefined);
      onClose();
    },
  });
  const isBlinded = project.policy.blinding !== "open";
  return (
    <ReasonDialog
      title={t.project.withdrawTitle(image.name)}
      consequence={[
        t.project.withdrawWhat,
        submitted ? null : t.project.submittedStays,
        isBlinded ? t.project.withdrawBlinded : null,
      ]
        .filter(Boolean)
        .join(" ")}
      act={t.project.withdraw}
      busy={withdraw.busy}
      problem={withdraw.problem}
      ready={chosen.length > 0}
      onConfirm={(reason) => withdraw.run(project.id, [image.id], chosen, reason, submitted)}
      onClose={onClose}
    >
      <Switch
        mt="xs"
        label={t.project.withdrawSubmitted}
        description={t.project.withdrawSubmittedWhat}
        checked={submitted}
        onChange={(event) => {
          setSubmitted(event.currentTarget.checked);
          setChosen([]);
        }}
      />
      <ChooseExperts
        experts={submitted ? experts : unfinished}
        chosen={chosen}
        onChange={setChosen}
        none={t.project.nothingToWithdraw}
      />
    </ReasonDialog>
  );
}

type ChooseProps = {
  experts: readonly Reader[];
  chosen: string[];
  onChange: (chosen: string[]) => void;
  /** What is said where there is nobody to choose. */
  none: string;
};

function ChooseExperts({ experts, chosen, onChange, none }: ChooseProps) {
  if (experts.length === 0) return <Text size="sm">{none}</Text>;
  return (
    <Checkbox.Group label={t.project.tabs.experts} value={chosen} onChange={onChange}>
      <Stack gap={6} mt={6}>
        {experts.map((expert) => (
          <Checkbox key={expert.id} value={expert.id} label={expert.name} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
