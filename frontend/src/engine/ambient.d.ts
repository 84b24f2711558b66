/**
 * The two browser names that the engine's door mentions, so that everything outside `render/` and `workers/` compiles
 * without the DOM library (tsconfig.engine.json). With the DOM library these merge into the real interfaces.
 */
interface AbortSignal {
  readonly aborted: boolean;
}

interface HTMLCanvasElement {
  width: number;
  height: number;
}
