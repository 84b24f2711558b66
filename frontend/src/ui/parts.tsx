/** Small parts every page shares: titles, empty states, problems, the simulated badge, secrets shown once. */
import {
  Alert,
  Badge,
  Button,
  Code,
  CopyButton,
  Group,
  Loader,
  Stack,
  Table,
  Text,
  Title,
  Tooltip,
} from "@mantine/core";
import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import classes from "./Shell.module.css";
import { t } from "./strings";

export function Page({ title, actions, children }: { title: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.page}>
      <Stack gap="lg">
        <Group justify="space-between" align="center">
          <Title order={1}>{title}</Title>
          <Group gap="sm">{actions}</Group>
        </Group>
        {children}
      </Stack>
    </div>
  );
}

/** Says what is missing and what to do next, never only "no data". */
export function EmptyState({ title, next, action }: { title: string; next: string; action?: ReactNode }) {
  return (
    <div className={classes.empty}>
      <Stack align="center" gap="xs">
        <Text fw={600}>{title}</Text>
        <Text c="dimmed" maw={560}>
          {next}
        </Text>
        {action}
      </Stack>
    </div>
  );
}

/** The head of a column of buttons: nothing to see, a name to hear. */
export function ActionsHead({ width }: { width?: number }) {
  return (
    <Table.Th {...(width ? { w: width } : {})}>
      <span className="visually-hidden">{t.shell.actions}</span>
    </Table.Th>
  );
}

export function Waiting() {
  return (
    <Group justify="center" p="xl">
      <Loader size="sm" aria-label={t.shell.loading} />
    </Group>
  );
}

/** What a failed request says: its title, its detail with the remedy where it has one, and a way to try again. */
export function Problem({ problem, retry }: { problem: { title: string; detail: string }; retry?: () => void }) {
  const saysMore = problem.detail !== problem.title;
  return (
    <Alert color="red" variant="outline" icon={<TriangleAlert size={18} />} title={problem.title} role="alert">
      {(saysMore || retry) && (
        <Stack gap="xs" align="flex-start">
          {saysMore && <Text size="sm">{problem.detail}</Text>}
          {retry && (
            <Button size="compact-sm" variant="default" onClick={retry}>
              {t.errors.tryAgain}
            </Button>
          )}
        </Stack>
      )}
    </Alert>
  );
}

export function SimulatedBadge() {
  return (
    <Tooltip label={t.simulated.hint}>
      <Badge color="yellow" variant="outline" tt="none" data-testid="simulated-badge">
        {t.simulated.badge}
      </Badge>
    </Tooltip>
  );
}

/** Text that exists only now: a link or a token the server will not repeat. */
export function ShownOnce({ text, note }: { text: string; note: string }) {
  return (
    <Stack gap="xs">
      <Text size="sm">{note}</Text>
      <Code block data-testid="shown-once">
        {text}
      </Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button size="compact-sm" variant="default" onClick={copy}>
            {copied ? t.shell.copied : t.shell.copy}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}

/** A picture of an image's middle slice; a quiet square where there is none. */
export function Thumbnail({ address, name, size }: { address: string; name: string; size: number }) {
  return (
    <img
      src={address}
      width={size}
      height={size}
      loading="lazy"
      alt={t.shell.thumbnail(name)}
      style={{ display: "block", objectFit: "contain", background: "#050608", borderRadius: 4 }}
    />
  );
}
