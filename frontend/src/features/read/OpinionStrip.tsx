/** The strip of several opinions: a miniature, likelihood, volume and likeness to my style for each; hover shows, click takes over. */
import { ActionIcon, Button, Group, Loader, Switch, Text } from "@mantine/core";
import { Layers2, X } from "lucide-react";
import { useEffect, useRef } from "react";
import { t } from "../../ui";
import { voxelVolume_mm3 } from "./looks";
import { nameOf } from "./opinions";
import classes from "./opinions.module.css";
import { KeyHint } from "./panelParts";
import { useSession } from "./SessionContext";
import { type MiniaturePlace, type OpinionCard, type OpinionsState, useRead } from "./store";

/** Miniatures are drawn at twice their size on the page, so that they stay sharp on dense screens. */
const sharp = 2;
const width_px = 132;
const height_px = 84;

export function OpinionStrip() {
  const session = useSession();
  const state = useRead((read) => read.opinions);
  if (state === null) return null;
  const { opinions } = session;
  return (
    <section className={classes.strip} aria-label={t.opinions.title} data-testid="opinion-strip">
      <Group gap={16} wrap="nowrap" className={classes.head}>
        <Text size="sm" fw={600}>
          {t.opinions.title}
        </Text>
        <div className={classes.summary}>
          <Summary state={state} />
        </div>
        {state.cards.length > 0 && (
          <>
            <Switch
              size="xs"
              label={t.opinions.envelope}
              title={t.opinions.envelopeHint}
              checked={state.envelope}
              onChange={(event) => opinions?.showEnvelope(event.currentTarget.checked)}
            />
            <Switch
              size="xs"
              label={t.opinions.contours}
              title={t.opinions.contoursHint}
              checked={state.contours}
              onChange={(event) => opinions?.showContours(event.currentTarget.checked)}
            />
          </>
        )}
        <Button
          size="compact-xs"
          disabled={state.chosen === null}
          data-testid="opinion-accept"
          onClick={() => opinions?.accept()}
        >
          {t.opinions.take}
        </Button>
        <ActionIcon
          size={24}
          variant="subtle"
          color="gray"
          aria-label={t.opinions.close}
          onClick={() => opinions?.close()}
        >
          <X size={15} />
        </ActionIcon>
      </Group>
      {state.cards.length > 0 && (
        <div className={classes.cards}>
          {state.cards.map((card, n) => (
            <Card key={card.layerId} card={card} n={n} chosen={state.chosen === n} place={state.place} />
          ))}
        </div>
      )}
    </section>
  );
}

function Summary({ state }: { state: OpinionsState }) {
  const labels = useRead((read) => read.labels);
  const volume = useVolume();
  const { pending, problem, cards, drawn, interval } = state;
  if (pending)
    return (
      <Group gap={6} role="status">
        <Loader size={14} aria-hidden />
        <Text size="xs">{t.opinions.pending}</Text>
      </Group>
    );
  if (problem !== null)
    return (
      <Text size="xs" c="orange" role="status">
        {problem}
      </Text>
    );
  const sampled = cards.filter((card) => card.probability !== null).length;
  const spans = labels.flatMap(({ value, name }) => {
    const [low, , high] = interval[String(value)] ?? [];
    return low === undefined || high === undefined ? [] : [t.opinions.interval(name, volume(low), volume(high))];
  });
  const words = [t.opinions.chosenFrom(sampled, drawn), ...spans].join(" · ");
  return (
    <Text
      size="xs"
      c="dimmed"
      truncate
      title={`${words}. ${t.opinions.hint}`}
      role="status"
      data-testid="opinion-summary"
    >
      {words}
    </Text>
  );
}

type CardProps = { card: OpinionCard; n: number; chosen: boolean; place: MiniaturePlace | null };

function Card({ card, n, chosen, place }: CardProps) {
  const { opinions } = useSession();
  const volume = useVolume();
  const total = volume(Object.values(card.voxels).reduce((sum, count) => sum + count, 0));
  const likely = card.probability === null ? "" : t.opinions.likely(card.probability);
  const name = nameOf(card, n);
  return (
    <button
      type="button"
      className={classes.card}
      data-chosen={chosen}
      data-testid="opinion-card"
      aria-pressed={chosen}
      aria-label={t.opinions.cardOf(name, likely, total, t.opinions.dice(card.dice))}
      onPointerEnter={() => opinions?.choose(n)}
      onFocus={() => opinions?.choose(n)}
      onClick={() => {
        opinions?.choose(n);
        opinions?.accept();
      }}
    >
      <Miniature layerId={card.layerId} place={place} />
      <span className={classes.line}>
        <bdi className={classes.name} title={name}>
          {name}
        </bdi>
        <b className={classes.likely} title={t.opinions.likelyHint}>
          {likely}
        </b>
      </span>
      <span className={classes.small}>
        <span>{total}</span>
        <span title={t.opinions.diceHint}>{t.opinions.dice(card.dice)}</span>
      </span>
    </button>
  );
}

function Miniature({ layerId, place }: { layerId: string; place: MiniaturePlace | null }) {
  const { viewer } = useSession();
  const canvas = useRef<HTMLCanvasElement>(null);
  const window = useRead((read) => read.view?.window);
  const loaded = useRead((read) => read.view?.slabsLoaded);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the grey changes with the window and with what has arrived
  useEffect(() => {
    if (canvas.current && place) viewer.drawMiniature(canvas.current, layerId, place.plane, place.slice, place.box);
  }, [viewer, layerId, place, window?.low, window?.high, loaded]);
  return (
    <canvas
      ref={canvas}
      className={classes.miniature}
      title={place && viewer.dims.nz > 1 ? t.opinions.pictured(place.slice + 1) : undefined}
      width={sharp * width_px}
      height={sharp * height_px}
    />
  );
}

/** Voxels as ml, or as voxels where the image has no lengths. */
function useVolume(): (voxels: number) => string {
  const image = useRead((read) => read.facts?.image);
  const each_mm3 = image ? voxelVolume_mm3(image) : null;
  return (voxels) =>
    each_mm3 === null ? t.opinions.voxels(Math.round(voxels)) : t.opinions.ml((voxels * each_mm3) / 1000);
}

/** The way to the strip for who does not know its key. */
export function OpinionsButton() {
  const session = useSession();
  const open = useRead((read) => read.opinions !== null);
  const hidden = useRead((read) => read.facts?.project.policy.blinding !== "open" || Boolean(read.facts?.readOnly));
  if (hidden) return null;
  return (
    <Button
      size="xs"
      variant={open ? "light" : "default"}
      leftSection={<Layers2 size={14} />}
      rightSection={<KeyHint command="opinions" />}
      aria-pressed={open}
      data-testid="opinions-open"
      onClick={() => session.toggleOpinions()}
    >
      {t.opinions.open}
    </Button>
  );
}
