// What plots have in common: a canvas as sharp as the screen, axes, and choosing a part of it.

import { framed, h } from "./dom.js";
import { short } from "./format.js";

/** Round numbers between two, about so many. */
export function ticks(low, high, about) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high * (1 + 1e-12); place += 1) {
    found.push(Number((place * step).toPrecision(12)));
  }
  return found;
}

/** Whole numbers of a half-open range, about so many. */
export const positions = ([from, to], about) =>
  [...new Set(ticks(from, to - 1, about).map(Math.round))].filter((position) => position >= from && position < to);

/** A canvas with a box for the drawing; `draw(context, box)` is called whenever something changed. */
export class Chart {
  /** `chosen(from, to)` gets two corners as parts of the box, 0 to 1; `hovered(place)` one, or nil. */
  constructor({ label, draw, chosen, hovered, isArea }) {
    this.canvas = h("canvas", { role: "img", "aria-label": label, tabindex: "0",
      onpointerdown: (event) => this.down(event), onpointermove: (event) => this.moved(event),
      onpointerup: (event) => this.up(event), onpointerleave: () => this.left(), onpointercancel: () => this.left() });
    this.element = h("div", { class: "chart" }, this.canvas);
    Object.assign(this, { drawing: draw, chosen, hovered, isArea });
    this.render = framed(() => this.draw());
    this.observer = new ResizeObserver(() => this.render());
    this.observer.observe(this.element);
    this.margins = { left: 64, right: 12, top: 10, bottom: 28 };
    this.closing = new AbortController();
    const { signal } = this.closing;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.render, { signal });
    document.addEventListener("themechange", this.render, { signal });
  }

  close() {
    this.observer.disconnect();
    this.render.cancel();
    this.closing.abort();
  }

  /** Where the drawing goes, in CSS pixels. */
  get box() {
    const { left, right, top, bottom } = this.margins;
    const { clientWidth, clientHeight } = this.canvas;
    const [width, height] = [clientWidth - left - right, clientHeight - top - bottom].map((size) => Math.max(10, size));
    return { left, top, width, height };
  }

  draw() {
    const ratio = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const size = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) [this.canvas.width, this.canvas.height] = size;
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    const style = getComputedStyle(this.canvas);
    this.ink = style.color;
    this.faint = style.borderTopColor;
    this.accent = style.outlineColor;
    context.font = `11px ${style.fontFamily}`;
    this.drawing(context, this.box);
    if (this.start && this.end) this.drawChoice(context);
  }

  drawChoice(context) {
    const { left, top, width, height } = this.box;
    const [x0, x1] = [this.start.x, this.end.x].sort((a, b) => a - b);
    const [y0, y1] = this.isArea ? [this.start.y, this.end.y].sort((a, b) => a - b) : [0, 1];
    context.save();
    context.globalAlpha = 0.25;
    context.fillStyle = this.accent;
    context.fillRect(left + x0 * width, top + y0 * height, (x1 - x0) * width, (y1 - y0) * height);
    context.restore();
  }

  /** Marks and words below: `marks` are `{part, text}` with parts of the width. */
  drawBelow(context, marks) {
    const { left, top, width, height } = this.box;
    context.fillStyle = this.ink;
    context.strokeStyle = this.faint;
    context.textBaseline = "top";
    let free = -Infinity;
    for (const { part, text } of marks) {
      const x = left + part * width;
      const half = context.measureText(text).width / 2;
      const middle = Math.min(Math.max(x, half + 2), this.canvas.clientWidth - half - 2);
      line(context, x, top + height, x, top + height + 4);
      if (middle - half < free) continue;
      context.textAlign = "center";
      context.fillText(text, middle, top + height + 8);
      free = middle + half + 10;
    }
  }

  /** Marks and words on the left, with parts of the height from the top. */
  drawBeside(context, marks, isRuled) {
    const { left, top, width, height } = this.box;
    context.strokeStyle = this.faint;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const { part, text } of marks) {
      const y = top + part * height;
      line(context, isRuled ? left : left - 4, y, isRuled ? left + width : left, y);
      context.fillStyle = this.ink;
      context.fillText(fitting(context, text, left - 8), left - 7, y);
    }
  }

  at(event) {
    const outer = this.canvas.getBoundingClientRect();
    const { left, top, width, height } = this.box;
    const within = (value) => Math.max(0, Math.min(1, value));
    const [x, y] = [event.clientX - outer.left - left, event.clientY - outer.top - top];
    return { x: within(x / width), y: within(y / height) };
  }

  down(event) {
    if (event.button !== 0) return;
    this.start = this.at(event);
    this.end = null;
    this.canvas.setPointerCapture(event.pointerId);
  }

  moved(event) {
    const place = this.at(event);
    if (this.start) { this.end = place; this.render(); }
    this.hovered?.(place);
  }

  up(event) {
    const { start } = this;
    const end = this.at(event);
    this.start = this.end = null;
    const isFar = start && (Math.abs(start.x - end.x) > 0.01 || (this.isArea && Math.abs(start.y - end.y) > 0.01));
    if (isFar) this.chosen?.(start, end);
    this.render();
  }

  left() {
    this.start = this.end = null;
    this.hovered?.(null);
    this.render();
  }
}

/** A line between two points, sharp where it is straight. */
export function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.stroke();
}

function fitting(context, text, room) {
  while (text.length > 2 && context.measureText(text).width > room) text = `${text.slice(0, -2)}…`;
  return text;
}

/** A part of a half-open range, at least two elements long. */
export function within([from, to], start, end) {
  const [first, last] = [start, end].sort((a, b) => a - b);
  const low = Math.floor(from + first * (to - from));
  return [Math.max(from, Math.min(low, to - 2)), Math.min(to, Math.max(low + 2, Math.ceil(from + last * (to - from))))];
}

/** Least and greatest of the finite numbers, and how many are NaN; nil bounds where there are none. */
export function span(lines) {
  let low = Infinity;
  let high = -Infinity;
  let nans = 0;
  for (const numbers of lines) {
    for (const number of numbers) {
      if (Number.isNaN(number)) nans += 1;
      else if (Number.isFinite(number)) {
        if (number < low) low = number;
        if (number > high) high = number;
      }
    }
  }
  return low > high ? { low: null, high: null, nans } : { low, high, nans };
}

/** A span in words. */
export const spanText = ({ low, high, nans }) =>
  `${low === null ? "no finite numbers" : `min ${short(low, 7)}, max ${short(high, 7)}`}${nans ? `, ${nans} NaN` : ""}`;
