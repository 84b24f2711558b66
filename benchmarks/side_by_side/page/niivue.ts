/** NiiVue with its multiplanar layout, given the volume as NIfTI in memory. */
import { Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";
import { type Opened, SIZE, SPACING_MM, WINDOW } from "./phantom";

export async function open(voxels: Int16Array<ArrayBuffer>): Promise<Opened> {
  const canvas = document.createElement("canvas");
  document.body.append(canvas);
  const niivue = new Niivue({ sliceType: SLICE_TYPE.MULTIPLANAR, multiplanarShowRender: SHOW_RENDER.NEVER, loadingText: "" });
  await niivue.attachToCanvas(canvas);
  await niivue.loadFromArrayBuffer(makeNifti(voxels), "phantom.nii");
  const [volume] = niivue.volumes;
  if (volume === undefined) throw new Error("NiiVue loaded nothing");
  const setWindow = (low: number, high: number): void => {
    volume.cal_min = low;
    volume.cal_max = high;
    niivue.updateGLVolume();
  };
  setWindow(...WINDOW);
  return {
    scroll: (plane, slices) => niivue.moveCrosshairInVox(plane === "sagittal" ? slices : 0, 0, plane === "axial" ? slices : 0),
    setWindow,
  };
}

function makeNifti(voxels: Int16Array<ArrayBuffer>): ArrayBuffer {
  const bytes = new Uint8Array(352 + voxels.byteLength);
  const header = new DataView(bytes.buffer);
  header.setInt32(0, 348, true);
  [3, ...SIZE, 1, 1, 1, 1].forEach((n, at) => header.setInt16(40 + 2 * at, n, true));
  header.setInt16(70, 4, true); // int16
  header.setInt16(72, 16, true);
  [1, ...SPACING_MM, 1, 1, 1, 1].forEach((mm, at) => header.setFloat32(76 + 4 * at, mm, true));
  header.setFloat32(108, 352, true);
  header.setFloat32(112, 1, true);
  header.setInt16(254, 1, true); // sform
  SPACING_MM.forEach((mm, row) => header.setFloat32(280 + 16 * row + 4 * row, mm, true));
  bytes.set([0x6e, 0x2b, 0x31, 0], 344);
  bytes.set(new Uint8Array(voxels.buffer), 352);
  return bytes.buffer;
}
