/** The guided first case; the order is that of `features/read/Tour.tsx`. */
export const tour = {
  title: "Your first case",
  place: (step: number, of: number) => `${step} of ${of}:`,
  steps: [
    "Look. The wheel or the arrow keys change the slice, M enlarges a view. D and a drag set brightness and contrast.",
    "Draw. B is the brush, E the eraser (the right button does the opposite), [ and ] their size; 1 to 9 choose the label. Ctrl+Z takes back.",
    "Begin from the prediction, if there is one: Enter accepts the active label, Shift+Enter all; then correct it.",
    "Nothing needs saving: every stroke is on the server a moment after you draw it, and this line says so.",
    "Done? Ctrl+Enter submits and opens the next case. The key ? lists all shortcuts; each can be changed.",
  ],
  back: "Back",
  next: "Next",
  done: "Begin",
  skip: "Skip",
} as const;
