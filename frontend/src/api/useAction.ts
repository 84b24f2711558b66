/** A change as a page uses it: run it, know whether it is under way, and which cached kinds it made stale. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ApiProblem, asProblem } from "./problem";

type Options<R> = {
  /** Kinds (first words of query keys) to ask again afterwards. */
  stale?: readonly string[];
  onDone?: (result: R) => void;
  /** The page shows `problem` itself; otherwise the app says it in a notice. */
  shownInPlace?: boolean;
};

export type Action<A extends unknown[]> = {
  run: (...args: A) => void;
  busy: boolean;
  problem: ApiProblem | null;
  forget: () => void;
};

export function useAction<A extends unknown[], R>(
  act: (...args: A) => Promise<R>,
  options: Options<R> = {},
): Action<A> {
  const queries = useQueryClient();
  const mutation = useMutation({
    mutationFn: (args: A) => act(...args),
    meta: { shownInPlace: options.shownInPlace ?? false },
    onSuccess: async (result) => {
      await Promise.all((options.stale ?? []).map((kind) => queries.invalidateQueries({ queryKey: [kind] })));
      options.onDone?.(result);
    },
  });
  return {
    run: (...args) => mutation.mutate(args),
    busy: mutation.isPending,
    problem: mutation.error ? asProblem(mutation.error) : null,
    forget: mutation.reset,
  };
}
