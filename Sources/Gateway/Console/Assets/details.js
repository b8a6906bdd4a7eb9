// What a segment is: its layout, attributes, buffers, and who has to do with it.

import { h } from "./dom.js";
import { dtypeName } from "./dtypes.js";
import { exactParse } from "./exact.js";
import { bytes, count, json, shape } from "./format.js";

/** The tab, of the JSON of a description with `attached`; `describe` shows a newer one of the same segment. */
export class DetailsPanel {
  constructor(text) {
    const { layout, attrs, mmap } = exactParse(text);
    this.facts = h("div", {});
    this.element = h("div", { class: "panel scrolls" }, this.facts,
      h("h3", {}, "Layout"), h("pre", { tabindex: "0", "aria-label": "Layout" }, json(layout)),
      h("h3", {}, "Attributes"), h("pre", { tabindex: "0", "aria-label": "Attributes" }, json(attrs)),
      h("h3", {}, "Buffers"), buffers(mmap.buffers));
    this.describe(JSON.parse(text));
  }

  describe(description) {
    this.facts.replaceChildren(
      h("dl", { class: "facts" },
        facts(description).map(([key, value]) => [h("dt", {}, key), h("dd", { class: "mono" }, value)])),
      h("h3", {}, "Attached processes"), attachedList(description.attached));
  }
}

const facts = ({ alias, kind, nbytes, writer, ...description }) => [
  ["Name", description.name], ["UUID", description.uuid], ["Kind", alias ? `${kind} (${alias.kind})` : kind],
  ["Data", `${bytes(nbytes)} (${count(nbytes)} bytes)`], ["In shared memory", bytes(description.size)],
  ["Sequence", String(description.sequence)], ["Created", description.created], ["Modified", description.modified],
  ["Expires", description.expires ?? "never"],
  ["Mode, owner, group", `${description.mode}, ${description.uid}, ${description.gid}`],
  ["Pinned", description.pinned ? "yes" : "no"], ["Writer", `${writer.state}, last was process ${writer.pid}`],
  ["Interrupted writes", String(writer.interrupted_writes)], ["Damaged", writer.damaged ? "yes" : "no"],
  ["File", description.mmap.path],
];

function attachedList(attached) {
  if (!attached) return h("p", { class: "quiet" }, "not known");
  if (!attached.length) return h("p", { class: "quiet" }, "none");
  return h("ul", { class: "mono" }, attached.map(({ pid, command }) => h("li", {}, `${pid} ${command}`)));
}

function buffers(list) {
  const heads = ["path", "dtype", "shape", "offset"];
  return h("div", { class: "scrolls-x", tabindex: "0", role: "region", "aria-label": "Buffers" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, list.slice(0, 2000).map((buffer) => h("tr", {},
      h("th", { scope: "row", class: "mono" }, buffer.path), h("td", { class: "mono" }, dtypeName(buffer.dtype)),
      h("td", { class: "mono" }, shape(buffer.shape)), h("td", { class: "mono number" }, count(buffer.offset)))))));
}
