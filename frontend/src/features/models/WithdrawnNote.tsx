/** Says of a model version or style that readings behind it were withdrawn, and what becomes of that; nothing where none was. */
import { Group, Text } from "@mantine/core";
import { TriangleAlert } from "lucide-react";

export function WithdrawnNote({ words, next }: { words: string | null; next?: string | null }) {
  if (words === null) return null;
  return (
    <Group gap={6} wrap="nowrap" align="flex-start" data-testid="withdrawn-note">
      <TriangleAlert size={14} aria-hidden style={{ flexShrink: 0, marginTop: 3 }} />
      <Text size="sm">{next ? `${words} ${next}` : words}</Text>
    </Group>
  );
}
