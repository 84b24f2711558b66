/** Small canvas chores shared by the layers. */

/** A canvas off the page with its 2D context. Throws when the browser gives no context (out of memory). */
export function makeCanvas(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return getContext(canvas);
}

export function getContext(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("The browser gives no drawing surface: close other tabs and reload.");
  return context;
}

/** "#rrggbb" → R, G, B; anything else is a neutral grey. */
export function parseColour(colour: string): readonly [number, number, number] {
  const match = /^#([0-9a-f]{6})$/i.exec(colour);
  if (match === null) return [192, 192, 192];
  const number = Number.parseInt(match[1] as string, 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}
