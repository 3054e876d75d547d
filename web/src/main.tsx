// Where the client starts. The order of the first import matters: the Trusted Types policy must stand before any
// library is loaded.
import "./trusted_types";
import "./styles/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { startLanguage } from "./i18n/language";
import { keepFocus } from "./ui/keep_focus";

startLanguage();
keepFocus();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
