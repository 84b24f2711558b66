/** Where propagation stands; shown with any tool while something is propagated, because Enter and Esc then mean it. */
import { Badge, Button, Group, Loader, Text } from "@mantine/core";
import { t } from "../../ui";
import { AcceptReach } from "./optionParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { type PropagationState, useRead } from "./store";

const words = t.propagation;

export function PropagationStatus() {
  const session = useSession();
  const state = useRead((read) => read.propagation);
  const active = useRead((read) => read.labels.find(({ value }) => value === read.view?.activeLabel));
  if (!state) return null;
  const { pending, drawn, isShown, leftOutDice, problem } = state;
  const standing = isShown ? words.renewing : words.pending(drawn);
  const progress = pending ? `${standing}${words.share(state.progress)}` : words.shown(drawn);
  return (
    <Group
      gap={8}
      flex={1}
      miw={0}
      wrap="nowrap"
      data-testid="propagation-state"
      data-state={problem ? "failed" : pending ? "pending" : "shown"}
    >
      {pending && <Loader size={14} aria-hidden />}
      <Text
        size="xs"
        flex={1}
        miw={0}
        truncate
        {...(problem && { c: "orange" })}
        role="status"
        title={problem ?? (leftOutDice === null ? words.shownWhy : `${words.shownWhy} ${words.leftOut(leftOutDice)}`)}
      >
        {problem ?? progress}
      </Text>
      {!pending && !problem && isShown && <Standing state={state} />}
      {isShown && (
        <div className={classes.statusPick}>
          <AcceptReach />
        </div>
      )}
      <Button
        size="compact-xs"
        flex="none"
        disabled={pending || !isShown}
        onClick={() => session.acceptPropagated("all")}
      >
        {words.accept}
      </Button>
      {state.labels.length > 1 && active && (
        <Button
          size="compact-xs"
          flex="none"
          variant="light"
          disabled={pending || !isShown}
          title={words.acceptOnlyWhy}
          onClick={() => session.acceptPropagated("active")}
          data-testid="accept-one-label"
        >
          {words.acceptOnly(active.name)}
        </Button>
      )}
      <Button size="compact-xs" flex="none" variant="default" onClick={() => session.cancel()}>
        {words.discard}
      </Button>
    </Group>
  );
}

/** What stands behind the proxy, how good it probably is, and whether that is enough. */
function Standing({ state: { network, estimate, isLearning } }: { state: PropagationState }) {
  const [part, why] =
    network === null
      ? [words.alone, words.aloneWhy]
      : network.used
        ? [words.together, words.togetherWhy(network.dice, network.slices)]
        : [words.silent, words.silentWhy(network.dice)];
  return (
    <>
      <Text
        size="xs"
        flex="none"
        c="dimmed"
        title={isLearning ? words.learningWhy : why}
        data-testid="propagation-network"
      >
        {isLearning ? `${part}, ${words.learning}` : part}
      </Text>
      {estimate !== null && (
        <Text
          size="xs"
          flex="none"
          fw={estimate.low === null ? 400 : 600}
          data-testid="propagation-estimate"
          title={
            estimate.low === null
              ? words.estimateUnknown(estimate.cases, estimate.goal)
              : words.estimateWhy(estimate.expected, estimate.cases, estimate.goal)
          }
        >
          {words.estimate(estimate.low, estimate.high)}
        </Text>
      )}
      {estimate?.good_enough && (
        <Badge size="sm" flex="none" color="teal" title={words.goodEnoughWhy(estimate.goal)} data-testid="good-enough">
          {words.goodEnough}
        </Badge>
      )}
    </>
  );
}
