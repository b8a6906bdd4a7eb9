// Two dimensions of a view as colours.

import { positions } from "./chart.js";
import { nanColour, scale } from "./colours.js";
import { h, setText } from "./dom.js";
import { DrawPanel } from "./drawpanel.js";
import { isDrawable } from "./dtypes.js";
import { count, short } from "./format.js";
import { labelTexts } from "./reader.js";
import { sampleCells } from "./sample.js";

const mostCells = 512;

/** The tab. */
export class HeatPanel extends DrawPanel {
  constructor() {
    const bar = h("canvas", { class: "colourbar", width: 256, height: 1, "aria-hidden": "true" });
    const [low, high] = [0, 1].map(() => h("span", { class: "mono" }));
    const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `rgb(${nanColour.join(",")})`;
    const legend = h("div", { class: "legend" }, low, bar, high, h("span", { class: "nan" }, swatch, "NaN"));
    super({ label: "heat map", isArea: true, legend });
    Object.assign(this, { low, high });
    bar.getContext("2d").putImageData(picture([...Array(256).keys()], [1, 256], 0, 255), 0, 0);
  }

  dims(choice) { return [choice?.row ?? null, choice?.column ?? null]; }

  async read(signal) {
    const { view, choice, windows } = this;
    if (choice.column === null) throw new Error("a heat map needs an array with two dimensions");
    if (!isDrawable(view.dtype)) throw new Error("no colours are drawn of text or of records");
    if (windows.some(([from, to]) => to <= from)) throw new Error("nothing in it");
    const { width, height } = this.chart.box;
    const points = [height, width].map((size) => Math.min(mostCells, Math.ceil(size)));
    const marks = [positions(windows[0], Math.max(2, height / 50)), positions(windows[1], Math.max(2, width / 90))];
    const [sample, ...texts] = await Promise.all([
      sampleCells(view, choice, windows, points, signal),
      ...marks.map((places, axis) => labelTexts(view, choice, this.dims(choice)[axis], places, signal)),
    ]);
    const isThinned = sample.steps.some((step) => step > 1);
    const note = isThinned ? `cells, drawn in steps of ${sample.steps.map(count).join(" × ")}` : "cells";
    return { ...sample, lines: [sample.numbers], windows, marks, texts, note };
  }

  /** Makes the picture of the numbers. */
  paint() {
    const { numbers, extents, span } = this.result;
    const [low, high] = [span.low ?? 0, span.high ?? 1];
    this.picture = h("canvas", { width: extents[1], height: extents[0] });
    this.picture.getContext("2d").putImageData(picture(numbers, extents, low, high), 0, 0);
    setText(this.low, short(low));
    setText(this.high, short(high));
  }

  draw(context, box) {
    const { windows, marks, texts } = this.result;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, box.left, box.top, box.width, box.height);
    const words = (axis) => marks[axis].map((at, number) => {
      const [from, to] = windows[axis];
      return { part: (at + 0.5 - from) / (to - from), text: texts[axis][number] };
    });
    this.chart.drawBeside(context, words(0), false);
    this.chart.drawBelow(context, words(1));
  }

  async hover({ x, y }) {
    const { numbers, extents, windows, steps } = this.result;
    const at = [y, x].map((part, axis) => {
      const [from, to] = windows[axis];
      return Math.min(extents[axis] - 1, Math.floor(part * (to - from) / steps[axis]));
    });
    const names = await Promise.all(this.dims(this.choice).map(async (dim, axis) => {
      const [text] = await labelTexts(this.view, this.choice, dim, [windows[axis][0] + at[axis] * steps[axis]]);
      return `${this.view.dims[dim]} ${text}`;
    }));
    return `${names.join(", ")}: ${short(numbers[at[0] * extents[1] + at[1]], 9)}`;
  }
}

/** The colours of numbers, row by row. */
function picture(numbers, [rows, columns], low, high) {
  const made = new ImageData(columns, rows);
  const pixels = new Uint32Array(made.data.buffer);
  const factor = high > low ? 255 / (high - low) : 0;
  for (let place = 0; place < numbers.length; place += 1) {
    const number = numbers[place];
    const shade = factor ? Math.max(0, Math.min(255, Math.round((number - low) * factor))) : 128;
    pixels[place] = Number.isNaN(number) ? nanPixel : palette[shade];
  }
  return made;
}

/** A colour as a pixel of an image has it. */
const pixel = (colour) => new Uint32Array(Uint8ClampedArray.of(...colour, 255).buffer)[0];
const nanPixel = pixel(nanColour);
const palette = Uint32Array.from({ length: 256 }, (_, place) => pixel(scale.slice(place * 3, place * 3 + 3)));
