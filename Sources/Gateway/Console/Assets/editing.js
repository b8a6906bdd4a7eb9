// Changing one cell. The write says which state was seen (If-Match); if the cell itself changed meanwhile, both values
// are shown, and if only something else did, the write is tried again with the state of now.

import { call, dataPath, Problem, sendJSON } from "./api.js";
import { dialog } from "./dialogs.js";
import { h, notice } from "./dom.js";
import { exactText, typedJSON } from "./dtypes.js";

const form = { int64: "string", nan: "string" };

async function readCell(name, { member, slice }, dtype) {
  const response = await call(dataPath(name, member, { ...form, slice }));
  return { text: exactText((await response.json()).data, dtype), etag: response.headers.get("ETag") };
}

/** Writes JSON into a cell that had a text at a state; true if it was written. */
export async function writeCell(name, address, dtype, json, seen) {
  let { etag, text } = seen;
  for (;;) {
    try {
      await sendJSON("PATCH", dataPath(name, address.member, { slice: address.slice }), json, { "If-Match": etag });
      return true;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 412) throw error;
    }
    const now = await readCell(name, address, dtype);
    etag = now.etag;
    if (now.text === text) continue;
    if (!await wantsMine(json, text, now.text)) return false;
    text = now.text;
  }
}

async function wantsMine(json, before, now) {
  const line = (title, value) => [h("dt", {}, title), h("dd", { class: "value" }, value)];
  return await dialog({
    title: "Changed meanwhile",
    body: [
      h("p", {}, "Somebody wrote this cell after you had read it."),
      h("dl", { class: "conflict" }, line("You saw", before), line("It is now", now), line("You typed", json)),
    ],
    choices: [{ text: "Keep what it is now", value: "theirs" }, { text: "Write mine", value: "mine", isMain: true }],
  }) === "mine";
}

/** Opens a field over a cell; `done(move)` is called when it closes: rows and columns to go on by, nil for none. */
export function editCell({ cell, name, address, dtype, seen, label, done }) {
  const pane = cell.closest(".pane");
  const box = cell.getBoundingClientRect();
  const outer = pane.getBoundingClientRect();
  const input = h("input", {
    class: "editor", value: seen.text, "aria-label": `New value of ${label}`, spellcheck: "false", autocomplete: "off",
  });
  input.style.left = `${box.left - outer.left}px`;
  input.style.top = `${box.top - outer.top}px`;
  input.style.width = `${Math.max(box.width, 110)}px`;
  let closed = false;
  const close = (move) => {
    if (closed) return;
    closed = true;
    input.remove();
    done(move);
  };
  const commit = async (move) => {
    if (input.value === seen.text) return close(move);
    let json;
    try { json = typedJSON(input.value, dtype); } catch (error) { return refuse(error); }
    input.disabled = true;
    try {
      await writeCell(name, address, dtype, json, seen);
      close(move);
    } catch (error) {
      input.disabled = false;
      refuse(error);
    }
  };
  const refuse = (error) => {
    input.setAttribute("aria-invalid", "true");
    input.focus();
    notice(error.message, true);
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close(null);
    else if (event.key === "Enter") commit([1, 0]);
    else if (event.key === "Tab") { event.preventDefault(); commit([0, event.shiftKey ? -1 : 1]); }
  });
  input.addEventListener("blur", () => { if (!input.disabled) close(null); });
  pane.append(input);
  input.focus();
  input.select();
}
