/** The 3D panel: surfaces to look at, never to measure or draw on. */
export const volume3d = {
  title: "3D",
  open: "3D view",
  loading: "Making the surfaces…",
  noWebGl: "3D needs WebGL; everything else works.",
  failed: (why: string) => `The 3D view could not be shown: ${why}`,
  nothing: "Nothing that is shown has a surface. Draw a label, or show a layer, and open 3D again.",
  volume: "Show the image volume",
  software: "This computer draws 3D in software: surfaces only, the image volume would be too slow.",
  notLoaded: "The image is still loading; open its volume when it is here.",
  hint: "Drag to turn, wheel to zoom. A click moves the crosshair there.",
  drawing: (label: string) => `My ${label}`,
  layer: (title: string, label: string) => `${title}, ${label}`,
  canvas: "Surfaces in 3D",
} as const;
