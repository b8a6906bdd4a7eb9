// The page of one segment.

import { call, getJSON, Problem, segmentPath } from "./api.js";
import { DetailsPanel } from "./details.js";
import { confirmed } from "./dialogs.js";
import { h, newId, notice, setText } from "./dom.js";
import { follow, Link } from "./events.js";
import { bytes, shape } from "./format.js";
import { GridPanel } from "./gridpanel.js";
import { HeatPanel } from "./heatpanel.js";
import { firstChoice, summary, views } from "./model.js";
import { OtherPanel } from "./otherpanel.js";
import { PlotPanel } from "./plotpanel.js";
import { sliders } from "./sliders.js";
import { snippetPanel } from "./snippets.js";

const tabs = [["grid", "Grid"], ["plot", "Plot"], ["heat", "Heat map"], ["layout", "Layout"], ["use", "Use"]];
// Who is attached, and whether a writer died, change without an event.
const marksMs = 3000;

/** Builds the page into an element. */
export class SegmentPage {
  constructor(place, name, parameters) {
    Object.assign(this, { place, name });
    this.tab = parameters.get("tab") ?? "grid";
    this.memberNumber = Number(parameters.get("member") ?? 0);
    this.path = segmentPath(name);
    this.open();
  }

  async open() {
    try {
      await this.describe();
    } catch (error) {
      if (!this.isClosed) this.place.replaceChildren(this.failure(error));
      return;
    }
    if (this.isClosed) return;
    this.build();
    this.stop = follow(`${this.path}/events?interval=50`, {
      seen: this.tag, happened: (event) => this.happened(event), state: (state) => this.connected(state),
      poll: (signal) => this.poll(signal),
    });
    this.timer = setInterval(() => { if (!document.hidden && !this.isGone) this.refreshMarks(); }, marksMs);
  }

  close() {
    this.isClosed = true;
    this.stop?.();
    this.panel?.close?.();
    clearInterval(this.timer);
  }

  async describe() {
    this.text = await (await call(`${this.path}?attached=true`)).text();
    this.description = JSON.parse(this.text);
    this.tag = `${this.description.uuid}-${this.description.sequence}`;
    this.views = views(this.description);
  }

  failure(error) {
    const unlink = () => h("button", { type: "button", class: "danger", onclick: () => this.unlink() }, "Unlink…");
    return h("div", { class: "failure" },
      h("p", {}, h("a", { href: "#/" }, "← Segments")), h("h1", { class: "mono" }, this.name),
      h("p", { class: "error", role: "alert" }, error.message), error.status === 500 && unlink());
  }

  build() {
    const { description } = this;
    const { dtype, shape: extents, members } = summary(description.layout);
    this.sequence = h("b", { class: "mono" }, String(description.sequence));
    this.link = new Link();
    this.marks = h("span", {});
    this.banner = h("div", { class: "banner", role: "alert", hidden: true });
    const facts = [description.alias?.kind ?? description.kind, dtype, extents && shape(extents),
      members !== undefined && `${members} members`, bytes(description.nbytes)];
    this.tabId = newId();
    this.buttons = tabs.map(([key, title]) => h("button", {
      type: "button", role: "tab", id: `tab-${key}`, "aria-controls": this.tabId, onclick: () => this.openTab(key),
      onkeydown: (event) => this.tabKey(event),
    }, title));
    this.controls = h("div", { class: "controls" });
    this.body = h("div", { class: "body", role: "tabpanel", id: this.tabId });
    this.place.replaceChildren(h("div", { class: "segment" },
      h("div", { class: "title" },
        h("a", { href: "#/", class: "back", "aria-label": "All segments" }, "←"), h("h1", { class: "mono" }, this.name),
        h("span", { class: "quiet" }, facts.filter(Boolean).join(" · ")), this.marks,
        h("span", { class: "gap" }), h("span", { class: "quiet" }, "sequence ", this.sequence),
        this.link.element,
        h("button", { type: "button", class: "danger", onclick: () => this.unlink() }, "Unlink…")),
      this.banner, h("div", { class: "tabs", role: "tablist", "aria-label": "Ways to see it" }, this.buttons),
      this.controls, this.body));
    this.paintMarks();
    if (this.state) this.link.show(this.state);
    this.chooseView(this.memberNumber);
  }

  paintMarks() {
    const { writer, pinned, orphan, expires } = this.description;
    const marks = [[writer.damaged, "damaged", "bad"], [orphan, "orphan", "warn"], [pinned, "pinned", ""],
      [expires, `expires ${expires}`, ""]].filter(([isSet]) => isSet);
    // What has the focus is not made anew for nothing.
    const key = marks.map(([, text]) => text).join();
    if (this.marked === key && this.marks.children.length) return;
    this.marked = key;
    this.marks.replaceChildren(...marks.map(([, text, kind]) => h("span", { class: `mark ${kind}` }, text)),
      ...(writer.damaged ? [h("button", { type: "button", onclick: () => this.repair() }, "Repair…")] : []));
  }

  chooseView(number) {
    this.memberNumber = this.views[number] ? number : 0;
    this.view = this.views[this.memberNumber];
    this.choice = this.view && firstChoice(this.view);
    this.openTab(this.tab);
  }

  /** The tabs that have something to show for the view. */
  has(key) {
    if (key === "heat") return this.view?.kind === "array" && this.view.dims.length > 1;
    if (key === "plot") return this.view && (this.view.kind === "array" || this.view.kind === "frame");
    return true;
  }

  openTab(key) {
    this.tab = tabs.some(([other]) => other === key) && this.has(key) ? key : "grid";
    this.buttons.forEach((button, place) => {
      const isOpen = tabs[place][0] === this.tab;
      button.disabled = !this.has(tabs[place][0]);
      button.setAttribute("aria-selected", isOpen);
      button.tabIndex = isOpen ? 0 : -1;
      if (isOpen) this.body.setAttribute("aria-labelledby", button.id);
    });
    const parameters = new URLSearchParams({ tab: this.tab });
    if (this.memberNumber) parameters.set("member", this.memberNumber);
    history.replaceState(null, "", `#/segments/${encodeURIComponent(this.name)}?${parameters}`);
    this.panel?.close?.();
    this.panel = this.newPanel();
    this.body.replaceChildren(this.panel.element);
    this.paintControls();
    if (this.view) this.panel.show?.(this.view, this.choice);
  }

  newPanel() {
    if (this.tab === "layout") return new DetailsPanel(this.text);
    if (!this.view) return { element: h("p", { class: "quiet" }, "nothing in it") };
    if (this.tab === "use") return { element: snippetPanel(this.description, this.view, this.choice), isStill: true };
    if (this.tab === "plot") return new PlotPanel();
    if (this.tab === "heat") return new HeatPanel();
    return ["array", "frame"].includes(this.view.kind) ? new GridPanel({ canWrite: true }) : new OtherPanel();
  }

  paintControls() {
    this.controls.replaceChildren();
    if (this.tab === "layout" || !this.view) return;
    if (this.views.length > 1) {
      const select = h("select", { "aria-label": "Member" }, this.views.slice(0, 2000).map((view, number) =>
        h("option", { value: number, selected: number === this.memberNumber }, view.title)));
      select.addEventListener("change", () => this.chooseView(Number(select.value)));
      this.controls.append(h("label", { class: "picker" }, "member ", select));
    }
    if (this.tab === "use") return;
    const chosen = sliders(this.view, this.choice, {
      uses: (dim, choice) => dim === choice.row || (dim === choice.column && this.tab !== "plot"),
      changed: (choice) => {
        const isRearranged = choice.isRearranged !== this.choice.isRearranged;
        this.choice = choice;
        if (isRearranged) this.paintControls();
        this.panel.show(this.view, choice);
      },
    });
    if (chosen.children.length) this.controls.append(chosen);
  }

  tabKey(event) {
    const open = tabs.map(([key]) => key).filter((key) => this.has(key));
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    this.openTab(open[(open.indexOf(this.tab) + way + open.length) % open.length]);
    this.buttons.find((button) => button.getAttribute("aria-selected") === "true").focus();
  }

  connected(state) {
    // What could not be read while there was no connection is read again.
    if (this.state === "waiting" && state !== "waiting") this.panel?.update?.();
    this.state = state;
    this.link.show(this.isGone ? "unlinked" : state);
  }

  happened({ event, data }) {
    if (event === "unlink") return this.gone();
    if (event === "replace") return this.reopen();
    setText(this.sequence, String(data.sequence));
    this.panel.update?.();
  }

  async refreshMarks() {
    try {
      const description = await getJSON(`${this.path}?attached=true`);
      if (this.isClosed || description.uuid !== this.description.uuid) return;
      this.description = description;
      this.paintMarks();
      this.panel.describe?.(description);
    } catch { /* an event or the next question says what is the matter */ }
  }

  async poll(signal) {
    try {
      const response = await call(this.path, { headers: { "If-None-Match": `"${this.tag}"` }, signal });
      if (response.status === 304) return;
      const description = await response.json();
      const isOther = description.uuid !== this.description.uuid;
      this.tag = `${description.uuid}-${description.sequence}`;
      this.happened({ event: isOther || this.isGone ? "replace" : "change", data: description });
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "no-such-segment") throw error;
      this.happened({ event: "unlink" });
    }
  }

  async reopen() {
    try { await this.describe(); } catch { return this.gone(); }
    if (this.isClosed) return;
    this.isGone = false;
    this.build();
    notice("It was replaced by another segment of the same name.");
  }

  gone() {
    this.isGone = true;
    this.banner.hidden = false;
    setText(this.banner, "It was unlinked. Processes that have mapped it keep it; what you see is what was read last.");
    this.link.show("unlinked");
  }

  async unlink() {
    const what = "The name goes away and cannot be brought back. Who has mapped it keeps it until they let go.";
    if (!await confirmed(`Unlink ${this.name}?`, what, "Unlink")) return;
    try {
      await call(this.path, { method: "DELETE" });
      location.hash = "#/";
      notice(`unlinked ${this.name}`);
    } catch (error) { notice(error.message, true); }
  }

  async repair() {
    const what = "A writer died in the middle. This declares the bytes, as they are, to be good.";
    if (!await confirmed(`Repair ${this.name}?`, what, "Repair")) return;
    try {
      await call(`${this.path}/repair`, { method: "POST" });
      await this.refreshMarks();
    } catch (error) { notice(error.message, true); }
  }
}
