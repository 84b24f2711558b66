/**
 * Saves the view that was pointed at last as a PNG: the screen's own pixels, and burnt in what a picture on its own must say.
 *
 * Made in this browser and handed to nobody but its downloads; nothing is in it that the screen does not show.
 */
import { asProblem } from "../../api";
import { say, t } from "../../ui";
import { captionOf } from "./caption";
import { useRead } from "./store";
import { handles } from "./Views";

/** Firefox and Safari read the bytes some time after the click. */
const FORGOTTEN_AFTER_MS = 60_000;

export async function savePicture(): Promise<void> {
  const state = useRead.getState();
  const plane = state.maximised ? state.largePlane : state.activePlane;
  const view = handles.get(plane);
  if (!view || !state.facts || !state.view) return;
  const { image, project } = state.facts;
  const name = `consilium-${image.id.slice(0, 8)}-${plane}-${state.view.slices[plane].index + 1}.png`;
  const caption = captionOf({ ...state, view: state.view, image, project }, plane, new Date());
  try {
    download(await view.takePicture(caption), name);
    say(t.read.picture.saved(name), "good");
  } catch (error) {
    say(asProblem(error).detail, "error");
  }
}

function download(png: Blob, name: string): void {
  const address = URL.createObjectURL(png);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), FORGOTTEN_AFTER_MS);
}
