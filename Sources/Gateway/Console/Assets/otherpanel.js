// Members that are no arrays: JSON values as text that can be changed, and bytes in hexadecimal.

import { call, dataPath, sendJSON } from "./api.js";
import { confirmed } from "./dialogs.js";
import { h, notice, setText } from "./dom.js";
import { resolved } from "./model.js";
import { Refresher } from "./refresher.js";

const mostBytes = 4096;

/** The tab; see `GridPanel`. */
export class OtherPanel {
  constructor() {
    this.alert = h("span", { class: "error", role: "alert" });
    this.text = h("textarea", { class: "mono json", spellcheck: "false", "aria-label": "JSON value" });
    this.save = h("button", { type: "button", onclick: () => this.write() }, "Write");
    this.dump = h("pre", { tabindex: "0", "aria-label": "Bytes" });
    this.element = h("div", { class: "panel scrolls" }, this.text, this.dump,
      h("div", { class: "below" }, this.save, this.alert));
    this.refresher = new Refresher(this);
  }

  show(view, choice) {
    this.view = view;
    this.path = dataPath(view.name, resolved(choice)(view.path));
    this.text.hidden = this.save.hidden = view.kind !== "json";
    this.dump.hidden = view.kind === "json";
    this.refresher.again(true);
  }

  update() { this.refresher.again(false); }

  close() { this.refresher.close(); }

  async read(signal) {
    if (this.view.kind === "json") {
      const response = await call(this.path, { signal });
      return { text: await response.text(), etag: response.headers.get("ETag") };
    }
    const response = await call(`${this.path}?format=raw&slice=0:${mostBytes}`, { signal });
    return { bytes: new Uint8Array(await response.arrayBuffer()) };
  }

  take(result) {
    if (result.bytes) return setText(this.dump, dump(result.bytes, this.view.shape[0]));
    const pretty = readable(result.text);
    // What is being typed is not overwritten; it is written against the state that was seen.
    if (this.shown !== undefined && this.text.value !== this.shown) {
      if (pretty !== this.shown) setText(this.alert, "changed by somebody else while you type");
      return;
    }
    this.etag = result.etag;
    this.shown = this.text.value = pretty;
  }

  async write() {
    try {
      JSON.parse(this.text.value);
      await sendJSON("PATCH", this.path, this.text.value, { "If-Match": this.etag });
    } catch (error) {
      if (error.status !== 412) return notice(error.message, true);
      const now = await (await call(this.path)).text();
      const what = `It is now ${now.slice(0, 500)}. Write yours in its place?`;
      if (!await confirmed("Changed meanwhile", what, "Write mine")) return;
      try { await sendJSON("PATCH", this.path, this.text.value); } catch ({ message }) { return notice(message, true); }
    }
    this.shown = this.text.value;
    notice("written");
  }
}

/** Indented, unless that would change what numbers there are. */
function readable(text) {
  try {
    const pretty = JSON.stringify(JSON.parse(text), null, 2);
    return pretty.replace(/\s/g, "") === text.replace(/\s/g, "") ? pretty : text;
  } catch { return text; }
}

function dump(bytes, size) {
  const lines = [];
  for (let start = 0; start < bytes.length; start += 16) {
    const part = [...bytes.slice(start, start + 16)];
    const digits = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = String.fromCharCode(...part).replace(/[^ -~]/g, ".");
    lines.push(`${start.toString(16).padStart(8, "0")}  ${digits.padEnd(47)}  ${text}`);
  }
  if (size > bytes.length) lines.push(`… ${size - bytes.length} more bytes`);
  return lines.join("\n");
}
