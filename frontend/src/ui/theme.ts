/**
 * The look: near-black for reading rooms, neutral grey chrome, no pure white (VIEWER.md, section 3).
 * Mantine's `dark` scale is replaced as a whole, so every stock component follows; index 7 is the page.
 */
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";
import { t } from "./strings";

const dark: MantineColorsTuple = [
  "#d3d8df",
  "#b3bac4",
  "#949ca8",
  "#727b88",
  "#363d47",
  "#272d35",
  "#15191f",
  "#0b0d10",
  "#08090c",
  "#050608",
];

const azure: MantineColorsTuple = [
  "#e7f2fb",
  "#cbe2f4",
  "#a3cdec",
  "#7cb8e3",
  "#58a4da",
  "#3c8fcb",
  "#2e79b1",
  "#256496",
  "#1d4f78",
  "#143a59",
];

/** Okabe–Ito without black: told apart with every common form of colour blindness. */
export const okabeIto = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#4f9fd8"] as const;

/** Dark enough on the light pages for small words and thin outlines; Mantine's own shades are not (4.5:1). */
const inkOnLight = {
  yellow: "#6b4e00",
  orange: "#8a3b00",
  teal: "#06543f",
  green: "#14532d",
  red: "#9b1c1c",
  gray: "#3d4650",
  dark: "#3d4650",
  azure: azure[8],
} as const;

/** What the frame around the pages is painted with, and greys of Mantine's light scheme that are too faint (4.5:1). */
export const schemeVariables: CSSVariablesResolver = () => ({
  variables: {},
  dark: {
    "--ui-chrome": dark[6],
    "--ui-card": dark[6],
    "--ui-warning": "#ffd43b",
    "--ui-line": dark[5],
    "--ui-edge": dark[4],
    "--ui-text": dark[0],
    "--ui-faint": dark[1],
    "--ui-here": "#1b2a37",
    "--ui-here-text": azure[2],
    "--ui-banner": "#1b1608",
    "--ui-banner-line": "#3a2f10",
    "--ui-banner-text": "#e3bd62",
  },
  light: {
    "--ui-chrome": "#e0e5ea",
    "--ui-card": "#f8fafb",
    "--ui-warning": "#6b4e00",
    "--ui-line": "#cfd6dd",
    "--ui-edge": "#7d8793",
    "--ui-text": "#14181d",
    "--ui-faint": "#3d4650",
    "--ui-here": "#c9dcec",
    "--ui-here-text": azure[9],
    "--ui-banner": "#fbeecb",
    "--ui-banner-line": "#d8c48a",
    "--ui-banner-text": "#54410b",
    "--mantine-color-dimmed": "#4d5660",
    "--mantine-color-placeholder": "#5c6570",
    "--mantine-color-error": "#a31515",
    "--mantine-color-default-border": "#7d8793",
    "--mantine-color-gray-4": "#7d8793", // the edge of inputs, radios and switches: 3.2:1 on the page
    "--mantine-color-anchor": azure[8],
    ...Object.fromEntries(
      Object.entries(inkOnLight).flatMap(([name, ink]) =>
        ["outline", "light-color", "text"].map((use) => [`--mantine-color-${name}-${use}`, ink]),
      ),
    ),
  },
});

export const theme = createTheme({
  components: {
    Anchor: { defaultProps: { underline: "always" } },
    // A dialog's head is no second banner of the page. One that fades away would swallow the keys pressed meanwhile.
    Modal: {
      defaultProps: {
        closeButtonProps: { "aria-label": t.shell.close },
        attributes: { header: { role: "none" } },
        transitionProps: { duration: 0 },
      },
    },
    Menu: { defaultProps: { transitionProps: { duration: 0 } } },
    Paper: { vars: () => ({ root: { "--paper-border-color": "var(--ui-line)" } }) },
    Select: { defaultProps: { clearButtonProps: { "aria-label": t.shell.clear } } },
    PasswordInput: { defaultProps: { visibilityToggleButtonProps: { "aria-label": t.login.showPassword } } },
  },
  colors: { dark, azure },
  primaryColor: "azure",
  primaryShade: { light: 7, dark: 7 },
  white: "#eef1f5",
  black: "#050608",
  autoContrast: true,
  luminanceThreshold: 0.32,
  defaultRadius: "sm",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.35rem" }, h2: { fontSize: "1.1rem" }, h3: { fontSize: "1rem" } },
  },
  respectReducedMotion: true,
  cursorType: "pointer",
});
