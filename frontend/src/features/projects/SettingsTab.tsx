/** What the project is called and what it is about. */
import { Button, Stack, Textarea, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type ProjectOut, updateProject, useAction } from "../../api";
import { Problem, say, t } from "../../ui";

export function SettingsTab({ project }: { project: ProjectOut }) {
  const [name, setName] = useState(project.name);
  const [description, setDescription] = useState(project.description);
  const save = useAction(updateProject, {
    stale: ["project", "projects", "assignments"],
    shownInPlace: true,
    onDone: () => say(t.shell.saved, "good"),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.run(project.id, { name: name.trim(), description: description.trim() });
  };
  const changed = name.trim() !== project.name || description.trim() !== project.description;
  return (
    <form onSubmit={submit}>
      <Stack maw={640}>
        {save.problem && <Problem problem={save.problem} />}
        <TextInput
          label={t.projects.name}
          required
          maxLength={120}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Textarea
          label={t.projects.description}
          maxLength={4000}
          autosize
          minRows={3}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <Button
          type="submit"
          loading={save.busy}
          disabled={!changed || name.trim() === ""}
          style={{ alignSelf: "flex-start" }}
        >
          {t.shell.save}
        </Button>
      </Stack>
    </form>
  );
}
