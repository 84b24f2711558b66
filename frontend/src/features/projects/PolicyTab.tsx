/** How the project is read: who sees what until when, whether the model proposes first. */
import { Button, NumberInput, Radio, Stack, Switch } from "@mantine/core";
import { useState } from "react";
import { type ProjectOut, updateProject, useAction } from "../../api";
import { Problem, say, t } from "../../ui";

const blindings = ["open", "until_own_submitted", "until_all_submitted", "until_settled"] as const;
const prefills = ["before", "never"] as const;

export function PolicyTab({ project, manages }: { project: ProjectOut; manages: boolean }) {
  const [policy, setPolicy] = useState(project.policy);
  const save = useAction(updateProject, {
    stale: ["project", "projects", "assignments"],
    shownInPlace: true,
    onDone: () => say(t.shell.saved, "good"),
  });
  const changed = JSON.stringify(policy) !== JSON.stringify(project.policy);
  return (
    <Stack maw={640} gap="lg">
      <Radio.Group
        label={t.policy.blinding}
        description={t.policy.blindingHint}
        value={policy.blinding}
        onChange={(value) => setPolicy({ ...policy, blinding: blindings.find((one) => one === value) ?? "open" })}
      >
        <Stack gap={6} mt="xs">
          {blindings.map((value) => (
            <Radio key={value} value={value} label={t.policy.blindings[value]} disabled={!manages} />
          ))}
        </Stack>
      </Radio.Group>
      <Radio.Group
        label={t.policy.prefill}
        description={t.policy.prefillHint}
        value={policy.prefill}
        onChange={(value) => setPolicy({ ...policy, prefill: prefills.find((one) => one === value) ?? "before" })}
      >
        <Stack gap={6} mt="xs">
          {prefills.map((value) => (
            <Radio key={value} value={value} label={t.policy.prefills[value]} disabled={!manages} />
          ))}
        </Stack>
      </Radio.Group>
      <NumberInput
        label={t.policy.readsPerImage}
        min={1}
        max={100}
        allowDecimal={false}
        w={200}
        disabled={!manages}
        value={policy.reads_per_image}
        onChange={(value) => setPolicy({ ...policy, reads_per_image: Number(value) || 1 })}
      />
      <NumberInput
        label={t.policy.goalDice}
        description={t.policy.goalDiceHint}
        min={50}
        max={100}
        decimalScale={1}
        maw={420}
        disabled={!manages}
        value={policy.goal_dice}
        onChange={(value) => typeof value === "number" && setPolicy({ ...policy, goal_dice: value })}
      />
      <Switch
        label={t.policy.personalise}
        description={t.policy.personaliseHint}
        disabled={!manages}
        checked={policy.personalise}
        onChange={(event) => setPolicy({ ...policy, personalise: event.currentTarget.checked })}
      />
      {save.problem && <Problem problem={save.problem} />}
      {manages && (
        <Button
          disabled={!changed}
          loading={save.busy}
          style={{ alignSelf: "flex-start" }}
          onClick={() => save.run(project.id, { policy })}
        >
          {t.shell.save}
        </Button>
      )}
    </Stack>
  );
}
