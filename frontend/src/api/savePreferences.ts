/** Change one's own look, keys or hints seen: shown at once, taken back where the server refuses. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { updatePreferences } from "./actions";
import { preferencesQuery } from "./queries";
import type { PreferencesOut } from "./wire";

export function useSavePreferences(): (change: Partial<PreferencesOut>) => void {
  const queries = useQueryClient();
  const key = preferencesQuery.queryKey;
  const { mutate } = useMutation({
    mutationFn: updatePreferences,
    // One at a time, in order: the last click wins on the server too.
    scope: { id: "preferences" },
    onMutate: (change) => {
      const before = queries.getQueryData(key);
      if (before) queries.setQueryData(key, { ...before, ...change });
    },
    onError: () => queries.invalidateQueries({ queryKey: key }),
  });
  return mutate;
}
