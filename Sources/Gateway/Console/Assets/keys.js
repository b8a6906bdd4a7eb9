// Keys that work anywhere on the page.

import { dialog } from "./dialogs.js";
import { h } from "./dom.js";

const list = [
  ["/", "filter the segments"], ["n", "create a segment"], ["↑ ↓", "from segment to segment, from cell to cell"],
  ["Enter", "open the segment, edit the cell"], ["g", "go to a row"], ["1 … 5", "the tabs of a segment"],
  ["Esc", "leave the cell, the field, the dialog; then back to the list"],
  ["PgUp PgDn Home End", "further, with Ctrl to the ends"], ["← → ↑ ↓ + − 0", "in a plot: move, closer, further, all"],
  ["t", "light, dark, as the system"], ["?", "this list"],
];

/** Shows which keys there are. */
export const showKeys = () => dialog({
  title: "Keys",
  body: h("dl", { class: "keys" }, list.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
  choices: [{ text: "Close", value: true, isMain: true }],
});

/** Listens for them; `changeTheme` is called for `t`. */
export function startKeys(changeTheme) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.("input, select, textarea")) return;
    const press = (selector) => document.querySelector(selector)?.click();
    const focus = (selector) => document.querySelector(selector)?.focus();
    const filter = () => {
      if (document.getElementById("filter")) return focus("#filter");
      location.hash = "#/";
      addEventListener("pagechange", () => focus("#filter"), { once: true });
    };
    const actions = {
      "/": filter, "?": showKeys, n: () => press("#create"), g: () => focus(".goto"), t: changeTheme,
      Escape: () => { location.hash = "#/"; },
    };
    const action = actions[event.key] ?? (/^[1-5]$/.test(event.key) ? () => {
      const tab = document.querySelectorAll("[role=tab]")[event.key - 1];
      if (tab && !tab.disabled) tab.click();
    } : null);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
