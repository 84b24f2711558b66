/** The last net: a crash while drawing a page leaves a sentence and a way out, never a blank screen. */
import { Button, Code, Group, Stack, Text, Title } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { t } from "./strings";

type Props = { children: ReactNode };
type State = { message: string | null };

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { message: null };

  static getDerivedStateFromError(error: unknown): State {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.message === null) return this.props.children;
    return (
      <Stack p="xl" maw={640} mx="auto" role="alert">
        <Title order={1}>{t.errors.crashTitle}</Title>
        <Text>{t.errors.crashBody}</Text>
        <Code block>{this.state.message}</Code>
        <Group>
          <Button onClick={() => window.location.reload()}>{t.errors.reload}</Button>
          <Button variant="default" onClick={() => window.location.assign("/")}>
            {t.errors.backToReads}
          </Button>
        </Group>
      </Stack>
    );
  }
}
