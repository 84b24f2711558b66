/**
 * NiiVue behind one door, fetched when the panel is first opened (VIEWER.md, section 11). Read-only: it is handed
 * surfaces and an uncompressed NIfTI made in memory, and gives back nothing but a patient point that was clicked.
 * Fails closed: where WebGL2 is missing, `openStage` throws NoWebGl and nothing was fetched.
 */
import type { Point3, SurfaceMesh } from "../../engine";

export class NoWebGl extends Error {}

export type Surface = { name: string; colour: string; opacity: number; mesh: SurfaceMesh };

export type Stage = {
  /** Software renderers turn surfaces well, but a volume takes seconds a frame. */
  readonly isSoftware: boolean;
  showSurfaces(surfaces: readonly Surface[]): void;
  showVolume(nifti: ArrayBuffer): Promise<void>;
  hideVolume(): void;
  close(): void;
};

/** NiiVue's angles in degrees: the patient's face, a little from their left and from above. */
const FROM_THE_FRONT = [160, 15] as const;
/** A press that moves less than this is a click. */
const CLICK_PX = 4;

/** `sidesKnown`: the image says which side of the patient is which, so the cube that names them is true. */
export async function openStage(
  canvas: HTMLCanvasElement,
  sidesKnown: boolean,
  onPick: (mm: Point3) => void,
): Promise<Stage> {
  const isSoftware = probeWebGl();
  const { Niivue, NVMesh, SLICE_TYPE } = await import("@niivue/niivue");
  let here: Point3 | null = null;
  const niivue = new Niivue({
    backColor: [0.02, 0.024, 0.03, 1],
    show3Dcrosshair: true,
    crosshairColor: [0.34, 0.71, 0.91, 1],
    crosshairWidth: 0.4,
    isOrientCube: sidesKnown,
    dragAndDropEnabled: false,
    isColorbar: false,
    isResizeCanvas: true,
    loadingText: "",
    sliceType: SLICE_TYPE.RENDER,
  });
  niivue.onLocationChange = (location) => {
    here = pointOf(location);
  };
  await niivue.attachToCanvas(canvas);
  niivue.setRenderAzimuthElevation(...FROM_THE_FRONT);
  const { gl } = niivue;
  const stopListening = listenForClicks(canvas, () => here && onPick(here));
  return {
    isSoftware,
    showSurfaces(surfaces) {
      for (const mesh of [...niivue.meshes]) niivue.removeMesh(mesh);
      for (const { name, colour, opacity, mesh } of surfaces) {
        const rgba = new Uint8Array([...rgbOf(colour), 255]);
        niivue.addMesh(new NVMesh(mesh.points, mesh.triangles, name, rgba, opacity, true, gl));
      }
      niivue.drawScene();
    },
    async showVolume(nifti) {
      await niivue.loadFromArrayBuffer(nifti, "image.nii");
      niivue.setSliceType(SLICE_TYPE.RENDER);
    },
    hideVolume() {
      for (const volume of [...niivue.volumes]) niivue.removeVolume(volume);
    },
    close() {
      stopListening();
      niivue.cleanup();
      gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };
}

/** Whether the renderer is software. Throws NoWebGl where there is none. */
function probeWebGl(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (gl === null) throw new NoWebGl();
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

function listenForClicks(canvas: HTMLCanvasElement, onClick: () => void): () => void {
  let pressed: { x: number; y: number } | null = null;
  const down = (event: PointerEvent) => {
    pressed = { x: event.clientX, y: event.clientY };
  };
  const up = (event: PointerEvent) => {
    const isClick = pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < CLICK_PX;
    pressed = null;
    // NiiVue finds the point in its next frames.
    if (isClick) setTimeout(onClick, 100);
  };
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointerup", up);
  return () => {
    canvas.removeEventListener("pointerdown", down);
    canvas.removeEventListener("pointerup", up);
  };
}

function pointOf(location: unknown): Point3 | null {
  const mm = typeof location === "object" && location !== null && "mm" in location ? location.mm : null;
  if (!(mm instanceof Float32Array || Array.isArray(mm))) return null;
  const [x, y, z] = [Number(mm[0]), Number(mm[1]), Number(mm[2])];
  return Number.isFinite(x + y + z) ? [x, y, z] : null;
}

function rgbOf(colour: string): [number, number, number] {
  const number = Number.parseInt(colour.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}
