// The data of a view as lines: one array along a dimension, or columns of a frame.

import { Chart, line, positions, span, spanText, ticks, within } from "./chart.js";
import { lineColours } from "./colours.js";
import { h, setText } from "./dom.js";
import { isDrawable } from "./dtypes.js";
import { count, short } from "./format.js";
import { rowLabels } from "./reader.js";
import { Refresher } from "./refresher.js";
import { sampleArray, sampleColumns } from "./sample.js";

const mostLines = 8;

/** The tab; see `GridPanel`. A view is drawn along the dimension of its rows. */
export class PlotPanel {
  constructor() {
    this.legend = h("div", { class: "legend", role: "group", "aria-label": "Columns" });
    this.readout = h("output", { class: "status mono" });
    this.alert = h("span", { class: "error", role: "alert" });
    this.reset = h("button", { type: "button", onclick: () => this.zoom([0, this.length]), hidden: true }, "Show all");
    this.chart = new Chart({ label: "plot", draw: (context, box) => this.draw(context, box), hovered: (place) => this.hover(place),
      chosen: (from, to) => this.zoom(within(this.range, from.x, to.x)) });
    this.chart.canvas.addEventListener("dblclick", () => this.zoom([0, this.length]));
    this.chart.canvas.addEventListener("keydown", (event) => this.key(event));
    this.element = h("div", { class: "panel fill" }, this.legend, this.chart.element, h("div", { class: "below" }, this.reset, this.readout, this.alert));
    this.refresher = new Refresher((signal) => this.read(signal), (result) => this.take(result), (error) => setText(this.alert, error.message));
  }

  show(view, choice) {
    const isOther = this.view !== view || this.choice?.row !== choice.row;
    this.view = view;
    // A line runs along one dimension; the other one is chosen as the rest is.
    this.choice = view.kind === "frame" ? choice : { ...choice, column: null };
    this.length = choice.row === null ? 0 : view.shape[choice.row];
    if (isOther) {
      this.range = [0, this.length];
      this.result = null;
      this.chooseColumns();
    }
    this.refresher.again(true);
  }

  update() { this.refresher.again(false); }

  close() {
    this.refresher.close();
    this.chart.close();
  }

  chooseColumns() {
    this.legend.replaceChildren();
    if (this.view.kind !== "frame") return;
    const drawable = this.view.columns.map((column, place) => ({ ...column, place })).filter((column) => isDrawable(column.dtype) && !/^[<>|=]?[Mm]/.test(column.dtype));
    // What has another type is likely to be another quantity.
    const alike = drawable.filter((column) => column.dtype === drawable[0].dtype);
    this.columns = alike.slice(0, 4).map((column) => column.place);
    for (const column of drawable.slice(0, 200)) {
      const box = h("input", { type: "checkbox", checked: this.columns.includes(column.place), onchange: () => {
        const others = this.columns.filter((place) => place !== column.place);
        this.columns = box.checked ? [...others, column.place].sort((a, b) => a - b).slice(0, mostLines) : others;
        box.checked = this.columns.includes(column.place);
        this.paintLegend();
        this.refresher.again(true);
      } });
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      this.legend.append(h("label", { "data-place": column.place }, box, swatch, h("span", {}, column.name)));
    }
    this.paintLegend();
  }

  paintLegend() {
    for (const label of this.legend.children) {
      const number = this.columns.indexOf(Number(label.dataset.place));
      label.querySelector(".swatch").style.background = number < 0 ? "" : lineColours[number];
    }
  }

  zoom(range) {
    this.range = range;
    this.reset.hidden = range[0] === 0 && range[1] === this.length;
    this.refresher.again(true);
  }

  key(event) {
    const [from, to] = this.range;
    const size = to - from;
    const move = (way) => { const start = Math.max(0, Math.min(this.length - size, from + way)); this.zoom([start, start + size]); };
    switch (event.key) {
    case "ArrowLeft": move(-Math.ceil(size / 10)); break;
    case "ArrowRight": move(Math.ceil(size / 10)); break;
    case "+": case "=": this.zoom(within(this.range, 0.25, 0.75)); break;
    case "-": this.zoom([Math.max(0, from - Math.ceil(size / 2)), Math.min(this.length, to + Math.ceil(size / 2))]); break;
    case "0": this.zoom([0, this.length]); break;
    default: return;
    }
    event.preventDefault();
  }

  async read(signal) {
    const { view, choice } = this;
    const range = this.range;
    if (!this.length) throw new Error("a line needs a dimension, and something in it");
    const points = Math.max(200, Math.min(4000, Math.round(this.chart.box.width * 2)));
    const marks = positions(range, Math.max(2, Math.floor(this.chart.box.width / 110)));
    let lines;
    let step;
    if (view.kind === "frame") {
      if (!this.columns.length) throw new Error("choose a column with numbers");
      ({ lines, step } = await sampleColumns(view, choice, this.columns, range, points, signal));
    } else {
      if (!isDrawable(view.dtype)) throw new Error("no lines are drawn of text or of records");
      const sample = await sampleArray(view, choice, new Map([[choice.row, { range, points }]]), signal);
      lines = [sample.numbers];
      step = sample.steps.get(choice.row);
    }
    const texts = await this.labels(marks, signal);
    return { lines, step, range, marks: marks.map((position, place) => ({ position, text: texts[place] })) };
  }

  async labels(marks, signal) {
    const labels = this.choice.row === null ? null : this.view.labels[this.choice.row];
    if (!labels) return marks.map(count);
    return Promise.all(marks.map(async (position) => (await rowLabels(this.view, this.choice, position, position + 1, signal))[0]));
  }

  take(result) {
    setText(this.alert, "");
    this.result = result;
    this.result.span = span(result.lines);
    const text = `${this.view.title}: ${count(result.range[1] - result.range[0])} points${result.step > 1 ? `, every ${count(result.step)}th drawn` : ""}, ${spanText(result.span)}`;
    this.chart.canvas.setAttribute("aria-label", text);
    if (!this.isHovering) setText(this.readout, text);
    this.chart.render();
  }

  draw(context, box) {
    if (!this.result) return;
    const { lines, step, range, marks } = this.result;
    let { low, high } = this.result.span;
    if (low === null) [low, high] = [0, 1];
    if (low === high) [low, high] = [low - Math.abs(low) * 0.1 - 0.5, high + Math.abs(high) * 0.1 + 0.5];
    const margin = (high - low) * 0.04;
    low -= margin;
    high += margin;
    const across = (position) => (position - range[0]) / Math.max(1, range[1] - 1 - range[0]);
    const down = (value) => (high - value) / (high - low);
    this.chart.drawBeside(context, ticks(low, high, Math.max(2, box.height / 45)).map((value) => ({ part: down(value), text: short(value) })), true);
    this.chart.drawBelow(context, marks.map(({ position, text }) => ({ part: across(position), text })));
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    lines.forEach((numbers, place) => {
      context.strokeStyle = this.view.kind === "frame" ? lineColours[place] : this.chart.accent;
      context.beginPath();
      let isDown = false;
      numbers.forEach((value, number) => {
        if (!Number.isFinite(value)) { isDown = false; return; }
        const x = box.left + across(range[0] + number * step) * box.width;
        const y = box.top + down(value) * box.height;
        if (isDown) context.lineTo(x, y);
        else { context.moveTo(x, y); context.lineTo(x + 0.5, y); }
        isDown = true;
      });
      context.stroke();
    });
    context.restore();
    if (this.cursor !== undefined) {
      context.strokeStyle = this.chart.ink;
      const x = box.left + across(this.cursor) * box.width;
      line(context, x, box.top, x, box.top + box.height);
    }
  }

  async hover(place) {
    this.isHovering = place !== null && this.result !== null;
    if (!this.isHovering) { this.cursor = undefined; return; }
    const { lines, step, range } = this.result;
    const number = Math.min(lines[0].length - 1, Math.round(place.x * (range[1] - 1 - range[0]) / step));
    if (number < 0) return;
    this.cursor = range[0] + number * step;
    this.chart.render();
    const asked = this.cursor;
    const label = await this.labels([asked], undefined).catch(() => [String(asked)]);
    if (asked !== this.cursor || !this.isHovering) return;
    const values = lines.map((numbers, at) => (this.view.kind === "frame" ? `${this.view.columns[this.columns[at]]?.name} ` : "") + short(numbers[number], 9));
    setText(this.readout, `${label[0]}: ${values.join(", ")}`);
  }
}
