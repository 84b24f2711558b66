/** The reading screen: opens the read named in the address, shows it, submits it, opens the next. */
import { ActionIcon, Badge, Button, Group, Text, Tooltip } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { ArrowLeft, Camera, History, Keyboard } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { asProblem, preferencesQuery } from "../../api";
import { Banner, PlainFrame, Problem, SimulatedBadge, say, t, Waiting } from "../../ui";
import { helpWords } from "../worklist";
import { AboutImage } from "./AboutImage";
import { BottomBar } from "./BottomBar";
import { HistoryDrawer } from "./HistoryDrawer";
import { budgetBytes } from "./imageMemory";
import { LargeFill } from "./LargeFill";
import { MergeNote } from "./Notes";
import { OpinionStrip } from "./OpinionStrip";
import { Panel } from "./Panel";
import { savePicture } from "./picture";
import { Questions } from "./Questions";
import classes from "./read.module.css";
import { SessionContext } from "./SessionContext";
import { ShortcutSheet } from "./ShortcutSheet";
import { ReadSession } from "./session";
import { emptyRead, type ReadFacts, useRead } from "./store";
import { askBefore } from "./submitting";
import { ToolOptions } from "./ToolOptions";
import { ToolRail } from "./ToolRail";
import { Tour } from "./Tour";
import { useCommands, useKeyHint } from "./useCommands";
import { useHabits } from "./useHabits";
import { View3dButton } from "./View3dButton";
import { Views } from "./Views";
import { WindowOptions } from "./WindowOptions";

export function ReadPage({ isReview = false }: { isReview?: boolean }) {
  const address = useParams();
  const [attempt, setAttempt] = useState(0);
  const session = useOpenRead(isReview, address, attempt);
  const reopenCase = useCallback(() => setAttempt((n) => n + 1), []);
  const { submit, send } = useSubmit(session);
  const phase = useRead((state) => state.phase);
  const problem = useRead((state) => state.problem);
  useCommands(session, submit);
  useHabits(session);

  if (phase === "failed" && problem)
    return (
      <PlainFrame>
        <Group justify="center" p="xl">
          <Problem problem={problem} retry={reopenCase} />
          <Button component={Link} to="/" variant="default">
            {t.errors.backToReads}
          </Button>
        </Group>
      </PlainFrame>
    );
  if (!session || phase === "loading")
    return (
      <PlainFrame>
        <Waiting />
      </PlainFrame>
    );
  return (
    <SessionContext.Provider value={session}>
      <div className={classes.screen} data-testid="read-screen">
        <div className={classes.bannerRow}>
          <Banner />
          {session.facts.assignment && <Tour />}
        </div>
        <TopBar session={session} onSubmit={submit} onReopened={reopenCase} />
        <main style={{ display: "contents" }}>
          <ToolRail />
          <ToolOptions />
          <OpinionStrip />
          <Views />
        </main>
        <Panel />
        <BottomBar />
        <HistoryDrawer />
        <MergeNote />
      </div>
      <ShortcutSheet />
      <LargeFill />
      <Questions onSubmit={send} onReopened={reopenCase} />
    </SessionContext.Provider>
  );
}

/** A read, or an image of a project that is reviewed or only looked at. */
type Address = { assignment?: string; project?: string; image?: string };

/** Opens the case and leaves the former one; null while it is on its way. */
function useOpenRead(
  isReview: boolean,
  { assignment, project = "", image = "" }: Address,
  attempt: number,
): ReadSession | null {
  const [session, setSession] = useState<ReadSession | null>(null);
  const queries = useQueryClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` is the wish to open the same case again
  useEffect(() => {
    let left = false;
    let opened: ReadSession | null = null;
    useRead.setState(emptyRead);
    const fail = (error: unknown) => !left && useRead.setState({ phase: "failed", problem: asProblem(error) });
    // The tool must not change in the hand later on; without the preferences the case opens with the defaults.
    const habits = queries.ensureQueryData(preferencesQuery).catch(() => null);
    const room = habits.then((kept) => budgetBytes(kept?.habits ?? {}));
    const opening = assignment ? ReadSession.open(assignment, room) : ReadSession.look(project, image, room, isReview);
    Promise.all([opening, habits])
      .then(([next]) => {
        if (left) return next.leave();
        opened = next;
        setSession(next);
        return next.start();
      })
      .catch(fail);
    return () => {
      left = true;
      setSession(null);
      opened?.leave();
    };
  }, [isReview, assignment, project, image, attempt, queries]);
  return session;
}

/** `send` submits and opens the next read of this project, or goes home when there is none; `submit` asks first where nothing was drawn. */
function useSubmit(session: ReadSession | null): { submit: () => void; send: () => void } {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const send = useCallback(() => {
    if (!session || session.facts.readOnly || useRead.getState().submitting) return;
    session
      .submit()
      .then((next) => {
        void queries.invalidateQueries({ queryKey: ["assignments"] });
        say(session.facts.review ? t.review.submitted : next ? t.read.submittedNext : t.read.submittedLast, "good");
        return navigate(next ? `/read/${next.id}` : wayBack(session.facts)[0]);
      })
      .catch((error: unknown) => say(t.read.notSubmitted(asProblem(error).detail), "error"));
  }, [session, navigate, queries]);
  const submit = useCallback(() => {
    const before = session && askBefore(session);
    if (before?.about === "unknown") say(t.review.notSubmitted, "error");
    else if (before) useRead.setState({ asked: before });
    else send();
  }, [session, send]);
  return { submit, send };
}

/** Where a case is left for, and in words. */
function wayBack({ assignment, review, project }: ReadFacts): readonly [to: string, words: string] {
  if (assignment) return ["/", t.errors.backToReads];
  return review
    ? [`/projects/${project.id}?tab=reviews`, t.review.back]
    : [`/projects/${project.id}?tab=images`, t.read.backToProject];
}

type TopBarProps = { session: ReadSession; onSubmit: () => void; onReopened: () => void };

function TopBar({ session, onSubmit, onReopened }: TopBarProps) {
  const { assignment, image, project, readOnly, review } = session.facts;
  const isSubmitted = (assignment ?? review)?.state === "submitted";
  const submitting = useRead((state) => state.submitting);
  const canSubmit = useRead((state) => Boolean(state.view?.canDraw));
  const [back, backWords] = wayBack(session.facts);
  const reopen = () => session.reopen().then(onReopened, (error: unknown) => say(asProblem(error).detail, "error"));
  return (
    <header className={classes.top}>
      <Tooltip label={backWords}>
        <ActionIcon component={Link} to={back} variant="subtle" color="gray" aria-label={backWords}>
          <ArrowLeft size={18} />
        </ActionIcon>
      </Tooltip>
      <Text component="h1" size="sm" fw={600} truncate maw={240}>
        <bdi>{image.name}</bdi>
      </Text>
      <Text size="xs" c="dimmed" truncate maw={220} visibleFrom="md">
        <bdi>{project.name}</bdi>
      </Text>
      {(project.simulated || image.simulated) && <SimulatedBadge />}
      {readOnly && (
        <Badge variant="light" color="gray" tt="none">
          {assignment ? t.states[assignment.state] : review ? t.review.tab.states.submitted : t.read.lookOnly}
        </Badge>
      )}
      {review && (
        <Badge variant="outline" color="gray" tt="none">
          {t.review.badge}
        </Badge>
      )}
      {assignment?.submission && (
        <Text size="xs" c="dimmed" truncate visibleFrom="lg" data-testid="read-help">
          {helpWords(assignment.submission)}
        </Text>
      )}
      <div style={{ flex: 1 }} />
      <WindowOptions />
      <View3dButton />
      <PictureButton />
      <AboutImage image={image} />
      <Tooltip label={t.history.open}>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={t.history.open}
          onClick={() => useRead.setState({ historyOpen: true })}
        >
          <History size={18} />
        </ActionIcon>
      </Tooltip>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={t.keys.title}
        onClick={() => useRead.setState({ sheetOpen: true })}
      >
        <Keyboard size={18} />
      </ActionIcon>
      {readOnly && isSubmitted && (
        <Button size="xs" variant="default" data-testid="reopen" onClick={() => void reopen()}>
          {t.read.reopen}
        </Button>
      )}
      {!readOnly && (
        <Tooltip label="Ctrl+Enter">
          <Button size="xs" data-testid="submit" loading={submitting} disabled={!canSubmit} onClick={onSubmit}>
            {review ? t.review.submit : t.read.submit}
          </Button>
        </Tooltip>
      )}
    </header>
  );
}

function PictureButton() {
  const keys = useKeyHint("picture");
  return (
    <Tooltip label={keys ? `${t.read.picture.save} (${keys})` : t.read.picture.save}>
      <ActionIcon variant="subtle" color="gray" aria-label={t.read.picture.save} onClick={() => void savePicture()}>
        <Camera size={18} />
      </ActionIcon>
    </Tooltip>
  );
}
