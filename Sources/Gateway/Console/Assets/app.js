// The console: which page is open, the theme, the token, the keys.

import { notice, setText } from "./dom.js";
import { showKeys, startKeys } from "./keys.js";
import { ListPage } from "./list.js";
import { SegmentPage } from "./segmentpage.js";
import { startTokens } from "./token.js";

const main = document.getElementById("main");
let page = null;

/** Opens what the address says: `#/` or `#/segments/{name}?tab=…`. */
function open() {
  page?.close();
  const match = /^#\/segments\/([^?]+)(?:\?(.*))?$/.exec(location.hash);
  let name = null;
  try { name = match && decodeURIComponent(match[1]); } catch { /* no name */ }
  document.title = name ? `${name} – shmgate` : "shmgate";
  page = name ? new SegmentPage(main, name, new URLSearchParams(match[2] ?? "")) : new ListPage(main);
  dispatchEvent(new Event("pagechange"));
}

const themes = ["system", "light", "dark"];
const themeButton = document.getElementById("theme");

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "system";
  setText(themeButton, { system: "◐", light: "☀", dark: "☾" }[theme]);
  themeButton.setAttribute("aria-label", `Theme: ${theme}`);
  themeButton.title = `Theme: ${theme}`;
}

function changeTheme() {
  const root = document.documentElement;
  const next = themes[(themes.indexOf(root.dataset.theme ?? "system") + 1) % themes.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try { localStorage.setItem("shmgate-theme", next); } catch { /* a browser that keeps nothing */ }
  showTheme();
  document.dispatchEvent(new Event("themechange"));
}

themeButton.addEventListener("click", changeTheme);
document.getElementById("keys").addEventListener("click", showKeys);
addEventListener("hashchange", open);
addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name !== "AbortError") notice(String(event.reason?.message ?? event.reason), true);
});
startKeys(changeTheme);
startTokens(open);
showTheme();
open();
