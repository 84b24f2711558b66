/** Cornerstone3D: three orthographic viewports on one local volume. */
import { Enums, init, RenderingEngine, setVolumesForViewports, type Types, volumeLoader } from "@cornerstonejs/core";
import { makeCells, type Opened, SIZE, SPACING_MM, WINDOW } from "./phantom";

export async function open(voxels: Int16Array<ArrayBuffer>): Promise<Opened> {
  init();
  const [nx, ny] = SIZE;
  const volumeId = "phantom";
  volumeLoader.createLocalVolume(volumeId, {
    scalarData: voxels,
    dimensions: [...SIZE],
    spacing: [...SPACING_MM],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    metadata: {
      BitsAllocated: 16,
      BitsStored: 16,
      SamplesPerPixel: 1,
      HighBit: 15,
      PhotometricInterpretation: "MONOCHROME2",
      PixelRepresentation: 1,
      Modality: "CT",
      ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
      PixelSpacing: [SPACING_MM[1], SPACING_MM[0]],
      FrameOfReferenceUID: "1.2.3",
      Columns: nx,
      Rows: ny,
      voiLut: [],
      VOILUTFunction: "LINEAR",
    } as Types.Metadata,
  });
  const engine = new RenderingEngine("three");
  const ids = ["axial", "sagittal", "coronal"] as const;
  const cells = makeCells("div");
  engine.setViewports(
    ids.map((id, n) => ({
      viewportId: id,
      type: Enums.ViewportType.ORTHOGRAPHIC,
      element: cells[n] as HTMLDivElement,
      defaultOptions: { orientation: Enums.OrientationAxis[id.toUpperCase() as "AXIAL" | "SAGITTAL" | "CORONAL"] },
    })),
  );
  await setVolumesForViewports(engine, [{ volumeId }], [...ids]);
  const viewports = ids.map((id) => engine.getViewport(id) as Types.IVolumeViewport);
  const setWindow = (lower: number, upper: number): void => {
    for (const viewport of viewports) {
      viewport.setProperties({ voiRange: { lower, upper } });
      viewport.render();
    }
  };
  setWindow(...WINDOW);
  return {
    scroll: (plane, slices) => {
      const viewport = viewports[ids.indexOf(plane)];
      viewport?.scroll(slices);
      viewport?.render();
    },
    setWindow,
  };
}
