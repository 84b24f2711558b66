/** One expert's styles: what draws now, how it grew, what it learnt from, and the way back, out and in. */
import { Anchor, Button, Card, FileButton, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Download, Upload } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import {
  importStyle,
  type LearningCurveOut,
  type ModelOut,
  type NextPersonalisationOut,
  promoteStyle,
  type StyleOut,
  sessionQuery,
  styleAddress,
  useAction,
  type WithdrawnBehindOut,
} from "../../api";
import { say, t } from "../../ui";
import { figuresOf, gateWords, mayGoLive, nextWords, notAnewWords, standingOf, withdrawnWords } from "./figures";
import { PromoteDialog } from "./PromoteDialog";
import { StateBadge } from "./StateBadge";
import { StyleCurve } from "./StyleCurve";
import { StyleReadings } from "./StyleReadings";
import { WithdrawnNote } from "./WithdrawnNote";

const shownAtFirst = 3;

type Props = {
  /** newest first */
  styles: readonly [StyleOut, ...StyleOut[]];
  models: readonly ModelOut[];
  /** A personalisation of theirs waits or runs. */
  isLearning: boolean;
  /** undefined: nothing new was submitted, or a personalisation is under way */
  next: NextPersonalisationOut | undefined;
  /** What in the project has withdrawn readings behind it. */
  withdrawn: readonly WithdrawnBehindOut[];
  personalises: boolean;
  curve: LearningCurveOut | undefined;
  goal: number;
  manages: boolean;
};

export function ExpertStyles(props: Props) {
  const { styles, models, isLearning, next, withdrawn, personalises, curve, goal, manages } = props;
  const [chosen, setChosen] = useState<StyleOut | null>(null);
  const [behind, setBehind] = useState<StyleOut | null>(null);
  const [all, setAll] = useState(false);
  const session = useQuery(sessionQuery);
  const mayAct = manages || session.data?.expert_id === styles[0].expert_id;
  const expertName = styles[0].expert_name;
  const behindOf = (style: StyleOut | undefined) => withdrawn.find((one) => one.id === style?.id);
  const live = styles.find((style) => style.is_live);
  const shown = all ? styles : styles.filter((style, n) => n < shownAtFirst || style.is_live);
  return (
    <Card withBorder bg="var(--ui-card)" p="sm" data-testid="expert-styles">
      <Group justify="space-between" mb={6}>
        <Text fw={600}>
          <bdi>{expertName}</bdi>
        </Text>
        {manages && <ImportButton style={styles[0]} />}
      </Group>
      {live && behindOf(live) && !isLearning && !next?.anew && (
        <Text size="sm" mb={6} data-testid="not-learnt-anew">
          {notAnewWords(live, personalises)}
        </Text>
      )}
      <NextStep isLearning={isLearning} next={next} live={live} />
      {curve && <StyleCurve curve={curve} goal={goal} />}
      <Stack gap={10}>
        {shown.map((style) => (
          <StyleLine
            key={style.id}
            style={style}
            models={models}
            withdrawn={withdrawnWords(behindOf(style))}
            mayAct={mayAct}
            onPromote={() => setChosen(style)}
            onReadings={() => setBehind(style)}
          />
        ))}
        {styles.length > shown.length && (
          <Button size="compact-sm" variant="subtle" onClick={() => setAll(true)}>
            {t.models.olderStyles(styles.length - shown.length)}
          </Button>
        )}
      </Stack>
      {chosen && (
        <PromoteDialog
          title={t.models.promoteStyle(expertName, chosen.number)}
          body={[t.models.promoteStyleBody, withdrawnWords(behindOf(chosen))].filter(Boolean).join(" ")}
          what={t.models.styleName(expertName, chosen.number)}
          act={(reason) => promoteStyle(chosen.id, reason)}
          onClose={() => setChosen(null)}
        />
      )}
      {behind && <StyleReadings style={behind} onClose={() => setBehind(null)} />}
    </Card>
  );
}

/** What comes next for this expert, in a sentence. */
function NextStep({ isLearning, next, live }: Pick<Props, "isLearning" | "next"> & { live: StyleOut | undefined }) {
  if (isLearning)
    return (
      <Text size="sm" mb={6} data-testid="next-personalisation" role="status">
        {t.models.learning}{" "}
        <Anchor component={Link} to="?tab=jobs" inherit>
          {t.models.toJobs}
        </Anchor>
      </Text>
    );
  if (!next && live?.origin !== "consensus") return null;
  return (
    <Text size="sm" mb={6} data-testid="next-personalisation">
      {next ? nextWords(next) : t.models.notYet}
    </Text>
  );
}

type LineProps = Pick<Props, "models"> & {
  style: StyleOut;
  /** That readings behind it were withdrawn, in words. */
  withdrawn: string | null;
  mayAct: boolean;
  onPromote: () => void;
  onReadings: () => void;
};

function StyleLine({ style, models, withdrawn, mayAct, onPromote, onReadings }: LineProps) {
  const origin = style.metrics.imported === true ? t.models.imported : t.models.origins[style.origin];
  const standing = standingOf(style);
  const live = models.find((model) => model.state === "live");
  const other = models.find((model) => model.id === style.model_version_id && model !== live);
  const words = t.models.styleLine(origin, style.lineage_count, style.gate ? "" : figuresOf(style.metrics));
  return (
    <Group align="flex-start" wrap="wrap" data-testid="style-row" data-live={style.is_live}>
      <Text size="sm" w={34} className="tabular">{`v${style.number}`}</Text>
      <StateBadge state={standing} />
      <Stack gap={2} flex={1} miw={220}>
        <Text size="sm">{other ? `${words} · ${t.models.onVersion(other.number)}` : words}</Text>
        {style.gate && (
          <Text size="sm" c="dimmed" data-testid="gate-verdict">
            {gateWords(style.gate)}
          </Text>
        )}
        <WithdrawnNote words={withdrawn} />
        <Text size="xs" c="dimmed">
          {t.units.dateTime(style.created_at)}
        </Text>
      </Stack>
      <Group gap={6}>
        {style.lineage_count > 0 && (
          <Button size="compact-sm" variant="subtle" onClick={onReadings}>
            {t.models.learntFrom}
          </Button>
        )}
        {mayAct && (
          <Button
            size="compact-sm"
            variant="subtle"
            component="a"
            href={styleAddress(style.id)}
            download
            aria-label={t.models.exportStyle(style.number)}
            leftSection={<Download size={14} aria-hidden />}
          >
            {t.models.export}
          </Button>
        )}
        {mayAct && mayGoLive(style, live?.id ?? null) && (
          <Button size="compact-sm" variant="default" onClick={onPromote}>
            {standing === "retired" ? t.models.rollBack : t.models.promote}
          </Button>
        )}
      </Group>
    </Group>
  );
}

/** Takes a style file in as a candidate of the same expert's. */
function ImportButton({ style }: { style: StyleOut }) {
  const take = useAction((file: File) => importStyle(style.project_id, style.expert_id, file), {
    stale: ["styles"],
    onDone: () => say(t.models.tookIn, "good"),
  });
  return (
    <FileButton onChange={(file) => file && take.run(file)} accept=".safetensors">
      {(props) => (
        <Button
          {...props}
          size="compact-sm"
          variant="subtle"
          loading={take.busy}
          leftSection={<Upload size={14} aria-hidden />}
        >
          {t.models.importStyle}
        </Button>
      )}
    </FileButton>
  );
}
