// What the tabs with drawings have in common: what is seen of it, reading it again, and words below.

import { Chart, span, spanText, within } from "./chart.js";
import { h, setText } from "./dom.js";
import { count } from "./format.js";
import { Refresher } from "./refresher.js";

/**
 * A tab like `GridPanel`. One has `dims(choice)`, the dimensions that are drawn, `read(signal)`, `draw(context, box)`
 * of the `result`, and `hover(place)`. `windows` are the half-open ranges of these dimensions that are seen.
 */
export class DrawPanel {
  constructor({ label, isArea, legend }) {
    this.isArea = isArea;
    this.readout = h("output", { class: "status mono" });
    this.alert = h("span", { class: "error", role: "alert" });
    this.reset = h("button", { type: "button", hidden: true, onclick: () => this.zoom(this.whole) }, "Show all");
    this.chart = new Chart({
      label, isArea, hovered: (place) => this.hovered(place), chosen: (from, to) => this.chose(from, to),
      draw: (context, box) => { if (this.result) this.draw(context, box); },
    });
    this.chart.canvas.addEventListener("dblclick", () => this.zoom(this.whole));
    this.chart.canvas.addEventListener("keydown", (event) => this.key(event));
    this.element = h("div", { class: "panel fill" }, legend, this.chart.element,
      h("div", { class: "below" }, this.reset, this.readout, this.alert));
    this.refresher = new Refresher(this);
  }

  /** Shows a view; the part that is seen stays if the dimensions do. */
  show(view, choice) {
    const dims = this.dims(choice);
    const isOther = this.view !== view || this.dims(this.choice).join() !== dims.join();
    Object.assign(this, { view, choice });
    if (!isOther) return this.refresher.again(true);
    this.result = null;
    setText(this.alert, "");
    setText(this.readout, "reading…");
    this.whole = dims.map((dim) => [0, dim === null ? 0 : view.shape[dim]]);
    this.begin?.();
    this.zoom(this.whole);
  }

  update() { this.refresher.again(false); }

  failed() { if (!this.result) setText(this.readout, ""); }

  close() {
    this.refresher.close();
    this.chart.close();
  }

  zoom(windows) {
    this.windows = windows;
    this.reset.hidden = windows.join() === this.whole.join();
    this.refresher.again(true);
  }

  chose(from, to) {
    const parts = this.isArea ? [[from.y, to.y], [from.x, to.x]] : [[from.x, to.x]];
    this.zoom(this.windows.map((window, place) => within(window, ...parts[place])));
  }

  key(event) {
    const across = this.windows.length - 1;
    const move = (number, part) => this.windows.map((window, place) =>
      (place === number ? moved(window, this.whole[place][1], part) : window));
    const actions = {
      ArrowLeft: () => move(across, -0.1), ArrowRight: () => move(across, 0.1),
      ArrowUp: () => move(across - 1, -0.1), ArrowDown: () => move(across - 1, 0.1),
      "+": () => this.windows.map((window) => within(window, 0.25, 0.75)),
      "-": () => this.windows.map((window, place) => wider(window, this.whole[place][1])), 0: () => this.whole,
    };
    const action = actions[event.key === "=" ? "+" : event.key];
    if (!action) return;
    event.preventDefault();
    this.zoom(action());
  }

  take(result) {
    this.result = result;
    result.span = span(result.lines);
    this.paint?.();
    const size = this.windows.map(([from, to]) => count(to - from)).join(" × ");
    this.summary = `${this.view.title}: ${size} ${result.note}, ${spanText(result.span)}`;
    this.chart.canvas.setAttribute("aria-label", this.summary);
    if (!this.isHovering) setText(this.readout, this.summary);
    this.chart.render();
  }

  /** Says what is under the pointer, unless that is elsewhere by the time it is known; without one what all is. */
  async hovered(place) {
    this.isHovering = place !== null && Boolean(this.result);
    const asked = this.asked = {};
    const text = this.isHovering ? await this.hover(place).catch(() => this.summary) : this.summary;
    if (text && asked === this.asked) setText(this.readout, text);
  }
}

const moved = ([from, to], end, part) => {
  const way = Math.sign(part) * Math.ceil(Math.abs(part) * (to - from));
  const start = Math.max(0, Math.min(end - (to - from), from + way));
  return [start, start + to - from];
};

const wider = ([from, to], end) => {
  const way = Math.ceil((to - from) / 2);
  return [Math.max(0, from - way), Math.min(end, to + way)];
};
