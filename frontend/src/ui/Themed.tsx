/**
 * Dark or light. The browser remembers the last choice so that nothing flashes before the server has told whose page
 * it is. Where images are read or looked at it is always dark: a bright frame around a dark image spoils the eye's adaptation.
 */
import { type MantineColorScheme, MantineProvider, useMantineColorScheme } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useLocation } from "react-router";
import { schemeVariables, theme } from "./theme";

function useIsReading(): boolean {
  return /^\/(read|look|review)\//.test(useLocation().pathname);
}

export function Themed({ nonce, children }: { nonce: string; children: ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="dark"
      cssVariablesResolver={schemeVariables}
      {...(useIsReading() ? { forceColorScheme: "dark" as const } : {})}
      getStyleNonce={() => nonce}
    >
      {children}
    </MantineProvider>
  );
}

/** Follow the signed-in person's choice, once it is known. */
export function useTheme(chosen: MantineColorScheme | undefined): void {
  const { setColorScheme } = useMantineColorScheme();
  const isReading = useIsReading();
  useEffect(() => {
    if (chosen && !isReading) setColorScheme(chosen);
  }, [chosen, isReading, setColorScheme]);
}
