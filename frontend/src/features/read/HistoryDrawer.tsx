/** Every revision of this reading, newest first: look at one over the image, go back to it, take it along as a file. */
import { ActionIcon, Badge, Button, Drawer, Group, Stack, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Download, Eye, EyeOff } from "lucide-react";
import { asProblem, type RevisionOut, revisionFileAddress, revisionsQuery } from "../../api";
import { Problem, say, t, Waiting } from "../../ui";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

export function HistoryDrawer() {
  const session = useSession();
  const opened = useRead((state) => state.historyOpen);
  const close = () => {
    useRead.setState({ historyOpen: false });
    void session.preview(null);
  };
  return (
    <Drawer
      data-beside
      opened={opened}
      onClose={close}
      position="right"
      size={320}
      classNames={{ inner: classes.history ?? "" }}
      title={t.history.title}
      withOverlay={false}
      lockScroll={false}
      trapFocus={false}
      closeOnClickOutside={false}
      closeButtonProps={{ "aria-label": t.history.close }}
    >
      {opened && session.segmentationId && <Revisions segmentationId={session.segmentationId} />}
    </Drawer>
  );
}

function Revisions({ segmentationId }: { segmentationId: string }) {
  const revisions = useQuery(revisionsQuery(segmentationId));
  const steps = useRead((state) => state.view?.undoDepth ?? 0);
  if (revisions.error) return <Problem problem={asProblem(revisions.error)} retry={() => void revisions.refetch()} />;
  if (!revisions.data) return <Waiting />;
  return (
    <Stack gap="xs" data-testid="history">
      <Text size="sm" c="dimmed">
        {t.history.explain}
      </Text>
      <Text size="sm" data-testid="history-now">
        {t.history.now(steps)}
      </Text>
      <Stack component="ol" gap={6} p={0} m={0} style={{ listStyle: "none" }}>
        {revisions.data.toReversed().map((revision) => (
          <RevisionRow key={revision.id} revision={revision} />
        ))}
      </Stack>
    </Stack>
  );
}

function RevisionRow({ revision }: { revision: RevisionOut }) {
  const session = useSession();
  const isShown = useRead((state) => state.previewed === revision.id);
  const readOnly = useRead((state) => state.facts?.readOnly);
  const canExport = useRead(({ facts }) => !["irregular", "uncalibrated"].includes(facts?.image.geometry ?? ""));
  const fail = (error: unknown) => say(asProblem(error).detail, "error");
  const look = isShown ? t.history.hide(revision.number) : t.history.show(revision.number);
  const voxels = Object.values(revision.label_volumes).reduce((sum, one) => sum + one, 0);
  return (
    <Group
      component="li"
      gap="xs"
      wrap="nowrap"
      align="flex-start"
      data-testid="history-row"
      data-origin={revision.origin}
    >
      <Stack gap={0} style={{ flex: 1, minWidth: 0 }}>
        <Group gap={6}>
          <Text size="sm" fw={600}>
            {t.history.revision(revision.number)}
          </Text>
          {revision.submitted_at && (
            <Badge size="xs" variant="light" tt="none">
              {t.history.submitted}
            </Badge>
          )}
          {revision.assisted && (
            <Tooltip label={t.history.assistedHint}>
              <Badge size="xs" variant="light" color="grape" tt="none">
                {t.history.assisted}
              </Badge>
            </Tooltip>
          )}
        </Group>
        <Text size="xs" c="dimmed">
          {t.history.origin[revision.origin]} · {t.units.dateTime(revision.created_at)}
        </Text>
        {revision.assisted && (
          <Text size="xs" c="dimmed" data-testid="history-help">
            {t.history.assistedBy(revision.style_label)}
          </Text>
        )}
        <Text size="xs" c="dimmed" truncate>
          {t.read.voxels(voxels)}
          {revision.author && (
            <>
              {" · "}
              <bdi>{revision.author}</bdi>
            </>
          )}
        </Text>
      </Stack>
      <Tooltip label={look}>
        <ActionIcon
          variant={isShown ? "filled" : "subtle"}
          color="gray"
          aria-label={look}
          aria-pressed={isShown}
          onClick={() => void session.preview(isShown ? null : revision).catch(fail)}
        >
          {isShown ? <EyeOff size={16} /> : <Eye size={16} />}
        </ActionIcon>
      </Tooltip>
      {canExport && (
        <Tooltip label={t.history.download(revision.number)}>
          <ActionIcon
            component="a"
            href={revisionFileAddress(revision.id)}
            download
            variant="subtle"
            color="gray"
            aria-label={t.history.download(revision.number)}
          >
            <Download size={16} />
          </ActionIcon>
        </Tooltip>
      )}
      {!readOnly && (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={t.history.restoreNumber(revision.number)}
          onClick={() => void session.restore(revision).catch(fail)}
        >
          {t.history.restore}
        </Button>
      )}
    </Group>
  );
}
