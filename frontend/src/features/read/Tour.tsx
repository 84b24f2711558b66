/**
 * The guided first case: five sentences in a strip above the image, so that nothing is covered and nobody is stopped.
 * What a sentence speaks of is framed meanwhile. Ended once, it is not shown again on any computer.
 */
import { Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { preferencesQuery, useSavePreferences } from "../../api";
import { t } from "../../ui";
import classes from "./Tour.module.css";

const seenAs = "first-case";

/** What each sentence frames; in the order of `t.tour.steps`. */
const targets = [
  '[data-testid^="view-"]',
  '[role="toolbar"]',
  '[data-testid="accept-all"]',
  '[data-testid="save-state"]',
  '[data-testid="submit"]',
] as const;

export function Tour() {
  const preferences = useQuery(preferencesQuery).data;
  const save = useSavePreferences();
  const [step, setStep] = useState(0);
  const target = targets[step];
  const shown = preferences !== undefined && !preferences.seen.includes(seenAs);
  useEffect(() => {
    const framed = shown && target ? document.querySelector<HTMLElement>(target) : null;
    framed?.classList.add(classes.framed ?? "");
    return () => framed?.classList.remove(classes.framed ?? "");
  }, [shown, target]);
  if (!shown) return null;
  const isLast = step === targets.length - 1;
  const end = () => save({ seen: [...preferences.seen, seenAs] });
  return (
    <section className={classes.strip} aria-label={t.tour.title} data-testid="tour">
      <Text size="sm" aria-live="polite" className={classes.words ?? ""}>
        <strong>{t.tour.place(step + 1, targets.length)}</strong> {t.tour.steps[step]}
      </Text>
      <Group gap="xs" wrap="nowrap">
        <Button size="compact-sm" variant="default" disabled={step === 0} onClick={() => setStep(step - 1)}>
          {t.tour.back}
        </Button>
        <Button size="compact-sm" onClick={() => (isLast ? end() : setStep(step + 1))}>
          {isLast ? t.tour.done : t.tour.next}
        </Button>
        {!isLast && (
          <Button size="compact-sm" variant="subtle" onClick={end}>
            {t.tour.skip}
          </Button>
        )}
      </Group>
    </section>
  );
}
