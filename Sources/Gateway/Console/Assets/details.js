// What a segment is: its layout, attributes, buffers, and who has to do with it.

import { h } from "./dom.js";
import { dtypeName } from "./dtypes.js";
import { bytes, count, json, shape } from "./format.js";

/** The tab, of a description with `attached`. */
export function detailsPanel(description) {
  const { writer, mmap, attached } = description;
  const facts = [
    ["Name", description.name], ["UUID", description.uuid], ["Kind", description.alias ? `${description.kind} (${description.alias.kind})` : description.kind],
    ["Data", `${bytes(description.nbytes)} (${count(description.nbytes)} bytes)`], ["In shared memory", bytes(description.size)],
    ["Sequence", String(description.sequence)], ["Created", description.created], ["Modified", description.modified],
    ["Expires", description.expires ?? "never"], ["Mode, owner, group", `${description.mode}, ${description.uid}, ${description.gid}`],
    ["Pinned", description.pinned ? "yes" : "no"], ["Writer", `${writer.state}, last was process ${writer.pid}`],
    ["Interrupted writes", String(writer.interrupted_writes)], ["Damaged", writer.damaged ? "yes" : "no"], ["File", mmap.path],
  ];
  return h("div", { class: "panel scrolls" },
    h("dl", { class: "facts" }, facts.map(([key, value]) => [h("dt", {}, key), h("dd", { class: "mono" }, value)])),
    h("h3", {}, "Attached processes"), attachedList(attached),
    h("h3", {}, "Layout"), h("pre", { tabindex: "0", "aria-label": "Layout" }, json(description.layout)),
    h("h3", {}, "Attributes"), h("pre", { tabindex: "0", "aria-label": "Attributes" }, json(description.attrs)),
    h("h3", {}, "Buffers"), buffers(mmap.buffers));
}

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
