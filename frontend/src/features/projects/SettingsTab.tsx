/** What the project is called and what it is about. */
import { Button, Stack } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type ProjectOut, updateProject, useAction } from "../../api";
import { NameFields, Problem, say, t, trimmed } from "../../ui";

export function SettingsTab({ project }: { project: ProjectOut }) {
  const [naming, setNaming] = useState({ name: project.name, description: project.description });
  const save = useAction(updateProject, {
    stale: ["project", "projects", "assignments"],
    shownInPlace: true,
    onDone: () => say(t.shell.saved, "good"),
  });
  const { name, description } = trimmed(naming);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.run(project.id, { name, description });
  };
  const changed = name !== project.name || description !== project.description;
  return (
    <form onSubmit={submit}>
      <Stack maw={640}>
        {save.problem && <Problem problem={save.problem} />}
        <NameFields value={naming} onChange={setNaming} longest={{ name: 120, description: 4000 }} />
        <Button
          type="submit"
          loading={save.busy}
          disabled={!changed || name === ""}
          style={{ alignSelf: "flex-start" }}
        >
          {t.shell.save}
        </Button>
      </Stack>
    </form>
  );
}
