/** What something is called and what it is about: experts and projects are named alike. */
import { Textarea, TextInput } from "@mantine/core";
import { t } from "./strings";

export type Naming = { name: string; description: string };
type Props = { value: Naming; onChange: (value: Naming) => void; longest: { name: number; description: number } };

export function NameFields({ value, onChange, longest }: Props) {
  return (
    <>
      <TextInput
        label={t.projects.name}
        required
        maxLength={longest.name}
        data-autofocus
        value={value.name}
        onChange={(event) => onChange({ ...value, name: event.currentTarget.value })}
      />
      <Textarea
        label={t.projects.description}
        maxLength={longest.description}
        autosize
        minRows={2}
        value={value.description}
        onChange={(event) => onChange({ ...value, description: event.currentTarget.value })}
      />
    </>
  );
}

/** Without the blanks around it, as it is sent. */
export function trimmed({ name, description }: Naming): Naming {
  return { name: name.trim(), description: description.trim() };
}
