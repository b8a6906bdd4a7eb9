// The table of segments.

import { getJSON, segmentPath } from "./api.js";
import { createSegment } from "./create.js";
import { framed, h, notice, setText } from "./dom.js";
import { follow, Link } from "./events.js";
import { age, bytes, count, rate, shape } from "./format.js";
import { summary } from "./model.js";

const mostListed = 5000;
const mostShown = 500;
// Who is attached, what is in use and what is damaged change without an event.
const attachedMs = 5000;
const tickMs = 1000;
const rateMs = 5000;

const columns = [
  { key: "name", title: "name", of: (s) => s.name },
  { key: "kind", title: "kind", of: (s) => s.alias?.kind ?? s.kind ?? "", isWide: true },
  { key: "dtype", title: "dtype", of: (s) => s.dtype, isWide: true },
  { key: "shape", title: "shape", of: (s) => s.elements, text: (s) => s.shapeText, isWide: true, isNumber: true },
  { key: "size", title: "size", of: (s) => s.size ?? 0, text: (s) => (s.size ? bytes(s.size) : ""), isNumber: true },
  { key: "sequence", title: "sequence", of: (s) => s.sequence ?? 0, text: (s) => (s.sequence ? count(s.sequence) : ""),
    isWide: true, isNumber: true },
  { key: "rate", title: "writes", of: (s) => s.rate, text: (s) => rate(s.rate), isNumber: true },
  { key: "modified", title: "written", of: (s) => s.modified ?? "",
    text: (s) => (s.modified ? `${age(s.modified)} ago` : ""), isWide: true, isNumber: true },
  { key: "attached", title: "attached", of: (s) => s.attached?.length ?? -1, text: (s) => attachedText(s.attached),
    isWide: true },
  { key: "marks", title: "marks", of: (s) => marksOf(s).length },
];

const attachedText = (attached) => {
  if (!attached) return "";
  const commands = new Map();
  for (const { command } of attached) commands.set(command, (commands.get(command) ?? 0) + 1);
  return [...commands].map(([command, times]) => (times > 1 ? `${command} ×${times}` : command)).join(", ");
};

function marksOf(segment) {
  const marks = [[segment.corrupt, "corrupt", "bad"], [segment.writer?.damaged, "damaged", "bad"],
    [segment.orphan, "orphan", "warn"], [segment.writer?.state === "writing", "writing", ""],
    [segment.pinned, "pinned", ""], [segment.expires, "ttl", ""]];
  return marks.filter(([isSet]) => isSet);
}

/** Builds the page into an element. */
export class ListPage {
  constructor(place) {
    Object.assign(this, { place, segments: [], rows: new Map(), samples: new Map(), attached: new Map(),
      sort: { key: "name", down: false } });
    this.filter = h("input", { type: "search", id: "filter", placeholder: "filter  ( / )",
      "aria-label": "Filter by name", autocomplete: "off", spellcheck: "false", oninput: () => this.paint(),
      onkeydown: (event) => this.filterKey(event) });
    this.total = h("span", { class: "quiet", role: "status" });
    this.link = new Link();
    this.heads = columns.map((column) => h("th", { scope: "col", class: classOf(column) },
      h("button", { type: "button", onclick: () => this.sortBy(column.key) }, column.title)));
    this.body = h("tbody", { onkeydown: (event) => this.rowKey(event) });
    this.empty = h("p", { class: "quiet empty", hidden: true });
    this.place.replaceChildren(h("div", { class: "list" },
      h("div", { class: "tools" },
        h("h1", {}, "Segments"), this.filter, this.total, h("span", { class: "gap" }), this.link.element,
        h("button", { type: "button", class: "main", id: "create", onclick: () => this.create() }, "Create…")),
      h("div", { class: "table-box" },
        h("table", { "aria-label": "Segments" }, h("thead", {}, h("tr", {}, this.heads)), this.body)), this.empty));
    this.repaint = framed(() => this.paint());
    this.lastAttached = -Infinity;
    this.stop = follow("/events?interval=100", {
      happened: (event) => this.happened(event), state: (state) => this.connected(state), poll: () => this.read(),
    });
    this.timer = setInterval(() => this.tick(), tickMs);
    this.soon(0);
  }

  close() {
    this.isClosed = true;
    this.stop();
    this.repaint.cancel();
    clearInterval(this.timer);
    clearTimeout(this.waiting);
  }

  connected(state) {
    this.link.show(state);
    this.isLive = state === "live";
    if (this.isLive) this.soon(0);
  }

  /** Ages and rates change by themselves. */
  tick() {
    if (document.hidden) return;
    this.paint();
    if (this.isLive && performance.now() - this.lastAttached > attachedMs) this.soon(0);
  }

  /** A change is in the event; what else a new segment is has to be read. */
  happened({ event, data: { name, uuid, sequence } }) {
    const place = this.segments.findIndex((segment) => segment.name === name);
    const known = this.segments[place];
    if (event === "unlink") {
      if (known) this.segments.splice(place, 1);
    } else if (event === "change" && known?.uuid === uuid) {
      if (sequence <= known.sequence) return;
      Object.assign(known, { sequence, modified: new Date().toISOString() });
      this.sample(known);
    } else {
      return this.soon(100);
    }
    this.repaint();
  }

  /** Reads the list behind what is being read now. */
  soon(ms) {
    this.waiting ??= setTimeout(async () => {
      await this.reading?.catch(() => {});
      this.waiting = undefined;
      if (!this.isClosed) this.read().catch(() => {});
    }, ms);
  }

  read() {
    this.reading ??= this.readOnce().finally(() => { this.reading = undefined; });
    this.reading.then(() => { this.problem = null; }, (error) => { this.problem = error.message; });
    return this.reading;
  }

  async readOnce() {
    const asksAttached = performance.now() - this.lastAttached > attachedMs;
    if (asksAttached) this.lastAttached = performance.now();
    const segments = [];
    let after = "";
    do {
      const more = `after=${encodeURIComponent(after)}${asksAttached ? "&attached=true" : ""}`;
      const page = await getJSON(`/segments?limit=1000&${more}`);
      segments.push(...page.segments);
      after = page.next;
      this.paintCapacity(page.capacity);
    } while (after && segments.length < mostListed);
    if (this.isClosed) return;
    this.isPartial = Boolean(after);
    this.isRead = true;
    if (asksAttached) {
      this.attached = new Map(segments.map(({ uuid, attached, orphan }) => [uuid, { attached, orphan }]));
    }
    this.samples = new Map(segments.map(({ uuid }) => [uuid, this.samples.get(uuid) ?? []]));
    this.segments = segments.map((segment) => this.completed(segment));
    this.paint();
  }

  completed(segment) {
    if (segment.corrupt) return { ...segment, dtype: "", shapeText: "", elements: 0, rate: 0 };
    const { dtype, shape: extents, members } = summary(segment.layout);
    this.sample(segment);
    return {
      ...segment, ...this.attached.get(segment.uuid), dtype: dtype ?? "",
      shapeText: extents ? shape(extents) : members === undefined ? "" : `${members} members`,
      elements: extents ? extents.reduce((product, extent) => product * extent, 1) : members ?? 0,
    };
  }

  sample({ uuid, sequence }) {
    const samples = this.samples.get(uuid) ?? [];
    samples.push({ now: performance.now(), sequence: Math.max(sequence, samples.at(-1)?.sequence ?? 0) });
    this.samples.set(uuid, samples);
  }

  /** Writes per second over the last five seconds; each write adds two to the sequence. */
  rateOf(uuid) {
    const now = performance.now();
    const samples = this.samples.get(uuid) ?? [];
    while (samples.length > 1 && now - samples[0].now > rateMs) samples.shift();
    if (samples.length < 2) return 0;
    const seconds = Math.max(1, (now - samples[0].now) / 1000);
    return Math.max(0, (samples.at(-1).sequence - samples[0].sequence) / 2 / seconds);
  }

  paintCapacity({ total_bytes: total, free_bytes: free }) {
    document.getElementById("capacity").hidden = false;
    document.getElementById("capacity-meter").value = total ? (total - free) / total : 0;
    setText(document.getElementById("capacity-text"), `${bytes(total - free)} of ${bytes(total)} in use`);
  }

  sortBy(key) {
    const isLargestFirst = ["size", "rate", "sequence", "modified"].includes(key);
    this.sort = { key, down: this.sort.key === key ? !this.sort.down : isLargestFirst };
    this.paint();
  }

  paint() {
    for (const segment of this.segments) segment.rate = this.rateOf(segment.uuid);
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (s) => `${s.name} ${s.kind ?? "corrupt"} ${s.dtype}`.toLowerCase();
    const found = this.segments.filter((segment) => words.every((word) => text(segment).includes(word)));
    const { of } = columns.find((column) => column.key === this.sort.key);
    const order = (a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : a.name < b.name ? -1 : 1);
    found.sort((a, b) => (this.sort.down ? order(b, a) : order(a, b)));
    columns.forEach(({ key }, place) => {
      const isSorted = key === this.sort.key;
      if (isSorted) this.heads[place].setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      else this.heads[place].removeAttribute("aria-sort");
    });
    const shown = found.slice(0, mostShown);
    const rows = shown.map((segment) => this.row(segment));
    const names = new Set(shown.map((segment) => segment.name));
    for (const [name, row] of this.rows) if (!names.has(name)) { row.element.remove(); this.rows.delete(name); }
    rows.forEach((row, place) => {
      const there = this.body.children[place];
      if (there !== row) this.body.insertBefore(row, there ?? null);
    });
    const known = `${this.isPartial ? "the first " : ""}${count(this.segments.length)}`;
    const matching = found.length === this.segments.length ? known : `${count(found.length)} of ${known}`;
    setText(this.total, this.problem ?? matching + (found.length > mostShown ? `, ${mostShown} shown` : ""));
    this.empty.hidden = found.length > 0 || !this.isRead;
    setText(this.empty, this.segments.length ? "No segment is called that."
      : "There are no segments yet. Create one here, or with shmgate from Python.");
  }

  row(segment) {
    let row = this.rows.get(segment.name);
    if (!row) {
      const cells = columns.map((column) => h(column.key === "name" ? "th" : "td", {
        class: classOf(column) + (column.key === "marks" ? "" : " mono"), scope: column.key === "name" ? "row" : null,
      }));
      const link = h("a", { href: `#${segmentPath(segment.name)}` }, segment.name);
      const sub = h("span", { class: "sub" });
      cells[0].append(link, sub);
      row = { element: h("tr", {}, cells), cells, sub };
      this.rows.set(segment.name, row);
    }
    columns.forEach((column, place) => {
      const about = [segment.kind, segment.dtype, segment.shapeText].filter(Boolean);
      if (column.key === "name") setText(row.sub, about.join(" · "));
      else if (column.key !== "marks") setText(row.cells[place], (column.text ?? column.of)(segment));
    });
    const marks = marksOf(segment);
    const key = marks.map(([, text]) => text).join();
    if (row.marks !== key) {
      row.cells.at(-1).replaceChildren(...marks.map(([, text, kind]) => h("span", { class: `mark ${kind}` }, text)));
    }
    row.marks = key;
    return row.element;
  }

  filterKey(event) {
    if (event.key === "Escape") { this.filter.value = ""; this.paint(); this.filter.blur(); }
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    this.body.querySelector("a")?.focus();
  }

  rowKey(event) {
    const [down, up] = ["nextElementSibling", "previousElementSibling"];
    const way = { ArrowDown: down, j: down, ArrowUp: up, k: up }[event.key];
    if (!way || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    (event.target.closest("tr")[way]?.querySelector("a") ?? (way === up ? this.filter : null))?.focus();
  }

  async create() {
    const made = await createSegment();
    if (!made) return;
    notice(`created ${made}`);
    location.hash = segmentPath(made);
  }
}

const classOf = ({ key, isWide, isNumber }) =>
  [isWide && "wide-only", isNumber && "number", `of-${key}`].filter(Boolean).join(" ");
