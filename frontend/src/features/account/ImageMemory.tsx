/** How much of this computer's memory one case may take: larger images open in one plane only. */
import { NumberInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { preferencesQuery, useSavePreferences } from "../../api";
import { t, Waiting } from "../../ui";
import { budgetMib, deviceGib, leastMib, memoryHabit } from "../read";

export function ImageMemory() {
  const habits = useQuery(preferencesQuery).data?.habits;
  const save = useSavePreferences();
  const [typed, setTyped] = useState<number | string | null>(null);
  if (!habits) return <Waiting />;
  const { [memoryHabit]: kept, ...others } = habits;
  const keep = () => {
    if (typed === null) return;
    save({ habits: typeof typed === "number" ? { ...others, [memoryHabit]: typed } : others });
    setTyped(null);
  };
  return (
    <NumberInput
      maw={420}
      label={t.account.imageMemory}
      description={t.account.imageMemoryHint(budgetMib({}, deviceGib()))}
      placeholder={t.account.imageMemoryAuto}
      suffix=" MB"
      min={leastMib}
      step={128}
      allowDecimal={false}
      value={typed ?? (typeof kept === "number" ? kept : "")}
      onChange={setTyped}
      onBlur={keep}
      onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
    />
  );
}
