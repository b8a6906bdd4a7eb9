// The data of a view as lines: one array along a dimension, or columns of a frame.

import { line, positions, ticks } from "./chart.js";
import { lineColours } from "./colours.js";
import { h } from "./dom.js";
import { DrawPanel } from "./drawpanel.js";
import { family, isDrawable } from "./dtypes.js";
import { count, short } from "./format.js";
import { labelTexts } from "./reader.js";
import { sampleLines } from "./sample.js";

const mostLines = 8;

/** The tab. A view is drawn along the dimension of its rows; all others are chosen. */
export class PlotPanel extends DrawPanel {
  constructor() {
    const legend = h("div", { class: "legend", role: "group", "aria-label": "Columns" });
    super({ label: "plot", legend });
    this.legend = legend;
  }

  dims(choice) { return [choice?.row ?? null]; }

  show(view, choice) { super.show(view, view.kind === "frame" ? choice : { ...choice, column: null }); }

  /** Chooses the columns to begin with: some of one type, for another type is likely to be another quantity. */
  begin() {
    this.legend.replaceChildren();
    if (this.view.kind !== "frame") return;
    const drawable = this.view.columns.map((column, place) => ({ ...column, place }))
      .filter(({ dtype }) => isDrawable(dtype) && !"Mm".includes(family(dtype)));
    const alike = drawable.filter((column) => column.dtype === drawable[0].dtype);
    this.columns = alike.slice(0, 4).map((column) => column.place);
    for (const { name, place } of drawable.slice(0, 200)) {
      const box = h("input", { type: "checkbox", onchange: () => this.choose(place, box.checked) });
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      this.legend.append(h("label", { "data-place": place }, box, swatch, h("span", {}, name)));
    }
    this.paintLegend();
  }

  choose(place, isChosen) {
    const others = this.columns.filter((other) => other !== place);
    this.columns = isChosen ? [...others, place].sort((a, b) => a - b).slice(0, mostLines) : others;
    this.paintLegend();
    this.refresher.again(true);
  }

  paintLegend() {
    for (const label of this.legend.children) {
      const number = this.columns.indexOf(Number(label.dataset.place));
      label.querySelector("input").checked = number >= 0;
      label.querySelector(".swatch").style.background = number < 0 ? "" : lineColours[number];
    }
  }

  async read(signal) {
    const { view, choice, columns, windows: [range] } = this;
    const { width } = this.chart.box;
    if (range[1] <= range[0]) throw new Error("a line needs a dimension, and something in it");
    if (view.kind === "frame" && !columns.length) throw new Error("choose a column with numbers");
    if (view.kind !== "frame" && !isDrawable(view.dtype)) throw new Error("no lines are drawn of text or of records");
    const points = Math.max(200, Math.min(4000, Math.round(width * 2))) * (columns?.length ?? 1);
    const marks = positions(range, Math.max(2, Math.floor(width / 110)));
    const [sample, texts] = await Promise.all([
      sampleLines(view, choice, columns, range, points, signal), this.labels(marks, signal),
    ]);
    const drawn = sample.places.length;
    const note = drawn < range[1] - range[0] ? `points, ${count(drawn)} drawn with every spike` : "points";
    return { ...sample, range, columns, marks, texts, note };
  }

  async labels(places, signal) {
    const hasLabels = this.choice.row !== null && this.view.labels[this.choice.row];
    return hasLabels ? labelTexts(this.view, this.choice, this.choice.row, places, signal) : places.map(count);
  }

  valueText(value, digits) {
    const isTime = this.view.kind !== "frame" && family(this.view.dtype) === "M" && Number.isFinite(value);
    return isTime ? new Date(value).toISOString().replace(/(T00:00:00)?\.000Z$/, "") : short(value, digits);
  }

  draw(context, box) {
    const { lines, places, range, marks, texts } = this.result;
    const [low, high] = bounds(this.result.span);
    const across = (place) => (place - range[0]) / Math.max(1, range[1] - 1 - range[0]);
    const down = (value) => (high - value) / (high - low);
    const rules = ticks(low, high, Math.max(2, box.height / 45));
    this.chart.drawBeside(context, rules.map((value) => ({ part: down(value), text: this.valueText(value) })), true);
    this.chart.drawBelow(context, marks.map((place, number) => ({ part: across(place), text: texts[number] })));
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    lines.forEach((numbers, number) => {
      context.strokeStyle = this.view.kind === "frame" ? lineColours[number] : this.chart.accent;
      context.beginPath();
      let isDown = false;
      numbers.forEach((value, point) => {
        const isThere = Number.isFinite(value);
        if (isThere) {
          const x = box.left + across(places[point]) * box.width;
          const y = box.top + down(value) * box.height;
          if (!isDown) context.moveTo(x, y);
          context.lineTo(isDown ? x : x + 0.5, y);
        }
        isDown = isThere;
      });
      context.stroke();
    });
    context.restore();
    if (!this.isHovering || this.cursor === undefined) return;
    context.strokeStyle = this.chart.ink;
    const x = box.left + across(this.cursor) * box.width;
    line(context, x, box.top, x, box.top + box.height);
  }

  async hover({ x }) {
    const { lines, places, range, columns } = this.result;
    const wanted = range[0] + x * (range[1] - 1 - range[0]);
    let number = places.findIndex((place) => place >= wanted);
    if (number < 0) number = places.length - 1;
    if (number > 0 && wanted - places[number - 1] < places[number] - wanted) number -= 1;
    this.cursor = places[number];
    this.chart.render();
    const [label] = await this.labels([this.cursor]);
    const name = (at) => (columns ? `${this.view.columns[columns[at]].name} ` : "");
    return `${label}: ${lines.map((numbers, at) => name(at) + this.valueText(numbers[number], 9)).join(", ")}`;
  }
}

/** What is drawn between: a little more than there is, and something where all is the same. */
function bounds({ low, high }) {
  if (low === null) return [0, 1];
  const margin = high > low ? (high - low) * 0.04 : Math.abs(low) * 0.1 + 0.5;
  return [low - margin, high + margin];
}
