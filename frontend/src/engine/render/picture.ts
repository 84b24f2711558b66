/** A view as a picture to keep: its pixels as they are, between words that are burnt in above and below. */
import type { Caption, CaptionMark } from "../types";
import { makeCanvas } from "./canvas";

const FONT = "13px system-ui, sans-serif";
const [LINE_PX, MARGIN_PX, MARK_GAP_PX, SWATCH_PX] = [19, 6, 14, 10];
/** The statement of intended use looks as it does on the page; the rest is quiet. */
const ABOVE = { ground: "#1b1608", text: "#e3bd62" };
const BELOW = { ground: "#0b0d10", text: "#d8dce2" };

interface Word {
  readonly text: string;
  /** of the square before it */
  readonly colour: string | undefined;
  readonly x: number;
  readonly line: number;
}

interface Band {
  readonly words: readonly Word[];
  readonly heightPx: number;
}

/** `ratio`: device pixels of the view to one of CSS. Rejects where the picture is larger than the browser has memory for. */
export function makePicture(view: HTMLCanvasElement, ratio: number, caption: Caption): Promise<Blob> {
  const measuring = makeCanvas(1, 1);
  measuring.font = FONT;
  const widthPx = view.width / ratio;
  const above = layOut(measuring, [[{ words: caption.above }]], widthPx);
  const below = layOut(measuring, caption.below, widthPx);
  const top = Math.ceil(above.heightPx * ratio);
  const picture = makeCanvas(view.width, top + view.height + Math.ceil(below.heightPx * ratio));
  drawBand(picture, above, ABOVE, 0, ratio);
  drawBand(picture, below, BELOW, top + view.height, ratio);
  picture.setTransform(1, 0, 0, 1, 0, 0);
  picture.drawImage(view, 0, top);
  return new Promise((resolve, reject) => {
    picture.canvas.toBlob((png) => {
      if (png !== null) resolve(png);
      else reject(new Error("The browser could not make the picture: close other tabs and save it again."));
    }, "image/png");
  });
}

/** Words flow within the width; each row begins a line. */
function layOut(context: CanvasRenderingContext2D, rows: readonly (readonly CaptionMark[])[], widthPx: number): Band {
  const words: Word[] = [];
  const space = context.measureText(" ").width;
  let line = 0;
  for (const marks of rows) {
    let x = MARGIN_PX;
    for (const { words: sentence, colour } of marks) {
      for (const [n, text] of sentence.split(" ").entries()) {
        const swatch = n === 0 ? colour : undefined;
        const wanted = context.measureText(text).width + (swatch === undefined ? 0 : SWATCH_PX + space);
        if (x > MARGIN_PX && x + wanted > widthPx - MARGIN_PX) {
          x = MARGIN_PX;
          line += 1;
        }
        words.push({ text, colour: swatch, x, line });
        x += wanted + space;
      }
      x += MARK_GAP_PX - space;
    }
    line += 1;
  }
  return { words, heightPx: line * LINE_PX + MARGIN_PX };
}

function drawBand(
  context: CanvasRenderingContext2D,
  { words, heightPx }: Band,
  colours: { readonly ground: string; readonly text: string },
  top: number,
  ratio: number,
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, top);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, context.canvas.width / ratio, heightPx + 1);
  context.font = FONT;
  context.textBaseline = "middle";
  for (const { text, colour, x, line } of words) {
    const middle = MARGIN_PX / 2 + (line + 0.5) * LINE_PX;
    if (colour !== undefined) {
      context.fillStyle = colour;
      context.fillRect(x, middle - SWATCH_PX / 2, SWATCH_PX, SWATCH_PX);
    }
    context.fillStyle = colours.text;
    context.fillText(text, x + (colour === undefined ? 0 : SWATCH_PX + context.measureText(" ").width), middle);
  }
}
