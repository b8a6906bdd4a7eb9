// Two dimensions of a view as colours.

import { Chart, positions, span, spanText, within } from "./chart.js";
import { nanColour, scale } from "./colours.js";
import { h, setText } from "./dom.js";
import { isDrawable } from "./dtypes.js";
import { count, short } from "./format.js";
import { columnLabels, rowLabels } from "./reader.js";
import { Refresher } from "./refresher.js";
import { sampleArray } from "./sample.js";

const mostCells = 700;

/** The tab; see `GridPanel`. */
export class HeatPanel {
  constructor() {
    this.readout = h("output", { class: "status mono" });
    this.alert = h("span", { class: "error", role: "alert" });
    this.reset = h("button", { type: "button", hidden: true, onclick: () => this.zoom(null) }, "Show all");
    this.robust = h("input", { type: "checkbox", onchange: () => { this.paint(); this.chart.render(); } });
    this.bar = h("canvas", { class: "colourbar", width: 256, height: 1, "aria-hidden": "true" });
    this.low = h("span", { class: "mono" });
    this.high = h("span", { class: "mono" });
    const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `rgb(${nanColour.join(",")})`;
    this.legend = h("div", { class: "legend" }, this.low, this.bar, this.high, h("span", { class: "nan" }, swatch, "NaN"),
      h("label", {}, this.robust, "leave out the outermost 2 %"));
    this.chart = new Chart({ label: "heat map", isArea: true, draw: (context, box) => this.draw(context, box), hovered: (place) => this.hover(place),
      chosen: (from, to) => this.zoom([within(this.windows[0], from.y, to.y), within(this.windows[1], from.x, to.x)]) });
    this.chart.canvas.addEventListener("dblclick", () => this.zoom(null));
    this.chart.canvas.addEventListener("keydown", (event) => this.key(event));
    this.element = h("div", { class: "panel fill" }, this.legend, this.chart.element, h("div", { class: "below" }, this.reset, this.readout, this.alert));
    this.refresher = new Refresher((signal) => this.read(signal), (result) => this.take(result), (error) => setText(this.alert, error.message));
    this.paintBar();
  }

  show(view, choice) {
    const isOther = this.view !== view || this.choice?.row !== choice.row || this.choice?.column !== choice.column;
    this.view = view;
    this.choice = choice;
    if (isOther) { this.zoom(null); return; }
    this.refresher.again(true);
  }

  update() { this.refresher.again(false); }

  close() {
    this.refresher.close();
    this.chart.close();
  }

  zoom(windows) {
    const { view, choice } = this;
    this.windows = windows ?? [choice.row, choice.column].map((dim) => [0, dim === null ? 0 : view.shape[dim]]);
    this.reset.hidden = windows === null;
    this.refresher.again(true);
  }

  key(event) {
    if (event.key === "+" || event.key === "=") this.zoom(this.windows.map((window) => within(window, 0.25, 0.75)));
    else if (event.key === "0" || event.key === "-") this.zoom(null);
    else return;
    event.preventDefault();
  }

  async read(signal) {
    const { view, choice } = this;
    if (choice.column === null || view.kind === "frame") throw new Error("a heat map needs an array with two dimensions");
    if (!isDrawable(view.dtype)) throw new Error("no colours are drawn of text or of records");
    const [rows, columns] = this.windows;
    if (rows[1] <= rows[0] || columns[1] <= columns[0]) throw new Error("nothing in it");
    const { width, height } = this.chart.box;
    const windows = new Map([
      [choice.row, { range: rows, points: Math.min(mostCells, Math.ceil(height)) }],
      [choice.column, { range: columns, points: Math.min(mostCells, Math.ceil(width)) }],
    ]);
    const sample = await sampleArray(view, choice, windows, signal);
    const size = choice.row < choice.column ? sample.extents : [sample.extents[1], sample.extents[0]];
    const marks = [positions(rows, Math.max(2, height / 50)), positions(columns, Math.max(2, width / 90))];
    const texts = await Promise.all([
      Promise.all(marks[0].map(async (at) => (await rowLabels(view, choice, at, at + 1, signal))[0])),
      Promise.all(marks[1].map(async (at) => (await columnLabels(view, choice, at, at + 1, signal))[0])),
    ]);
    return {
      size, windows: this.windows, steps: [sample.steps.get(choice.row), sample.steps.get(choice.column)],
      numbers: choice.row < choice.column ? sample.numbers : transposed(sample.numbers, sample.extents), marks, texts,
    };
  }

  take(result) {
    setText(this.alert, "");
    this.result = result;
    result.span = span([result.numbers]);
    this.paint();
    const thinned = result.steps.some((step) => step > 1) ? `, every ${result.steps.map(count).join("th × ")}th drawn` : "";
    const text = `${this.view.title}: ${result.windows.map(([from, to]) => count(to - from)).join(" × ")}${thinned}, ${spanText(result.span)}`;
    this.chart.canvas.setAttribute("aria-label", text);
    if (!this.isHovering) setText(this.readout, text);
    this.chart.render();
  }

  /** Makes the picture of the numbers. */
  paint() {
    if (!this.result) return;
    const { numbers, size: [rows, columns] } = this.result;
    const [low, high] = this.bounds = this.robust.checked ? quantiles(numbers) : [this.result.span.low ?? 0, this.result.span.high ?? 1];
    const picture = new ImageData(columns, rows);
    const factor = high > low ? 255 / (high - low) : 0;
    numbers.forEach((number, place) => {
      const isNumber = !Number.isNaN(number);
      const colour = isNumber ? Math.max(0, Math.min(255, Math.round(factor ? (number - low) * factor : 128))) * 3 : 0;
      for (let part = 0; part < 3; part += 1) picture.data[place * 4 + part] = isNumber ? scale[colour + part] : nanColour[part];
      picture.data[place * 4 + 3] = 255;
    });
    this.picture = h("canvas", { width: columns, height: rows });
    this.picture.getContext("2d").putImageData(picture, 0, 0);
    setText(this.low, short(low));
    setText(this.high, short(high));
  }

  paintBar() {
    const picture = new ImageData(256, 1);
    for (let place = 0; place < 256; place += 1) picture.data.set([...scale.slice(place * 3, place * 3 + 3), 255], place * 4);
    this.bar.getContext("2d").putImageData(picture, 0, 0);
  }

  draw(context, box) {
    if (!this.picture) return;
    const { windows, marks, texts } = this.result;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, box.left, box.top, box.width, box.height);
    const part = (window, at) => (at + 0.5 - window[0]) / (window[1] - window[0]);
    this.chart.drawBeside(context, marks[0].map((at, place) => ({ part: part(windows[0], at), text: texts[0][place] })), false);
    this.chart.drawBelow(context, marks[1].map((at, place) => ({ part: part(windows[1], at), text: texts[1][place] })));
  }

  async hover(place) {
    this.isHovering = place !== null && Boolean(this.result);
    if (!this.isHovering) return;
    const { numbers, size, windows, steps } = this.result;
    const at = [place.y, place.x].map((part, axis) => Math.min(size[axis] - 1, Math.floor(part * (windows[axis][1] - windows[axis][0]) / steps[axis])));
    const cell = at.map((number, axis) => windows[axis][0] + number * steps[axis]);
    this.asked = cell;
    const [row, column] = await Promise.all([
      rowLabels(this.view, this.choice, cell[0], cell[0] + 1), columnLabels(this.view, this.choice, cell[1], cell[1] + 1),
    ]).catch(() => [[cell[0]], [cell[1]]]);
    if (this.asked !== cell || !this.isHovering) return;
    const { dims } = this.view;
    setText(this.readout, `${dims[this.choice.row]} ${row[0]}, ${dims[this.choice.column]} ${column[0]}: ${short(numbers[at[0] * size[1] + at[1]], 9)}`);
  }
}

function transposed(numbers, [rows, columns]) {
  const turned = new Float64Array(numbers.length);
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) turned[column * rows + row] = numbers[row * columns + column];
  return turned;
}

function quantiles(numbers) {
  const sorted = numbers.filter(Number.isFinite).sort();
  if (!sorted.length) return [0, 1];
  return [0.02, 0.98].map((part) => sorted[Math.round(part * (sorted.length - 1))]);
}
