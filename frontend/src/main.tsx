/**
 * Starts the page. The nonce of this response is handed to everything that writes `<style>` before anything renders,
 * or the strict policy would drop it (VIEWER.md, section 13.2).
 */
import "@mantine/core/styles.css";
import "./ui/theme.css";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app";
import { Themed } from "./ui";

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
setNonce(nonce);

const root = document.getElementById("root");
if (!root) throw new Error('index.html has no element with the id "root".');
createRoot(root).render(
  <StrictMode>
    <BrowserRouter>
      <Themed nonce={nonce}>
        <App />
      </Themed>
    </BrowserRouter>
  </StrictMode>,
);
