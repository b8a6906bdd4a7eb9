// The data of a view as a grid.

import { Blocks } from "./blocks.js";
import { h, setText, notice } from "./dom.js";
import { cellText, exactText, isNumeric } from "./dtypes.js";
import { editCell } from "./editing.js";
import { count } from "./format.js";
import { Grid } from "./grid.js";
import { cellAddress, columnLabels, columnType, extent, rectangle, rowLabels } from "./reader.js";

/** Labels that are in sight, asked for by stretches and kept. */
class LabelCache {
  constructor(load, changed) {
    Object.assign(this, { load, changed, texts: new Map(), asked: new Set() });
  }

  want(from, to) {
    for (let part = Math.floor(from / 128); part * 128 < to; part += 1) if (!this.asked.has(part)) this.read(part);
  }

  async read(part) {
    if (this.asked.size > 400) { this.asked.clear(); this.texts.clear(); }
    this.asked.add(part);
    try {
      const texts = await this.load(part * 128, (part + 1) * 128);
      texts.forEach((text, place) => this.texts.set(part * 128 + place, text));
      this.changed();
    } catch { this.asked.delete(part); }
  }
}

/** The tab; `show(view, choice)` puts a view into it, `update()` reads again what is in sight. */
export class GridPanel {
  constructor({ canWrite }) {
    this.status = h("output", { class: "status mono" });
    this.alert = h("span", { class: "error", role: "alert" });
    this.goTo = h("input", {
      inputmode: "numeric", class: "goto", placeholder: "row", "aria-label": "Go to row", autocomplete: "off",
      onkeydown: (event) => this.goToKey(event),
    });
    this.grid = new Grid({ label: "data", active: (row, column) => this.tell(row, column),
      edit: canWrite ? (row, column, cell) => this.edit(row, column, cell) : null });
    this.element = h("div", { class: "panel fill" }, this.grid.element,
      h("div", { class: "below" }, this.goTo, this.status, this.alert));
  }

  show(view, choice) {
    this.source?.close();
    this.choice = choice;
    this.source = new Source(view, choice, () => this.grid.render(), (error) => setText(this.alert, error.message),
      () => setText(this.alert, ""));
    this.view = view;
    const { rows, columns } = this.source;
    this.grid.show(this.source, `${view.title}, ${count(rows)} rows, ${count(columns)} columns`);
  }

  update() { this.source?.blocks.invalidate(); }

  close() {
    this.source?.close();
    this.grid.close();
  }

  goToKey(event) {
    if (event.key === "Escape") this.grid.element.focus();
    if (event.key !== "Enter") return;
    const row = Number(this.goTo.value.replace(/[,_\s]/g, ""));
    if (!Number.isInteger(row)) return notice("expected the number of a row, from 0 on", true);
    this.grid.go(row < 0 ? this.source.rows + row : row, this.grid.cursor.column);
    this.grid.element.focus();
  }

  tell(row, column) {
    if (!this.source.rows || !this.source.columns) return setText(this.status, "nothing in it");
    const found = this.source.blocks.cell(row, column);
    const value = found ? exactText(found.value, columnType(this.view, column)) : "…";
    setText(this.status, `[${this.cursorText(row, column)}] ${this.labelOf(row, column)} = ${value}`);
  }

  cursorText(row, column) {
    if (this.view.kind === "frame") return `${row}, ${JSON.stringify(this.view.columns[column].name)}`;
    return cellAddress(this.view, this.choice, row, column).slice.replaceAll(",", ", ");
  }

  labelOf(row, column) {
    const parts = [this.source.rowLabel(row), this.source.columns > 1 ? this.source.columnLabel(column) : null];
    return parts.filter((part) => part !== null && part !== undefined).join(" · ");
  }

  edit(row, column, cell) {
    const found = this.source.blocks.cell(row, column);
    if (!found) return;
    const dtype = columnType(this.view, column);
    const source = this.source;
    editCell({
      cell, name: this.view.name, address: cellAddress(this.view, this.choice, row, column), dtype,
      label: `row ${this.labelOf(row, column)}`,
      seen: { text: exactText(found.value, dtype), etag: found.etag },
      done: (move) => {
        this.grid.element.focus({ preventScroll: true });
        if (source === this.source && move) this.grid.go(row + move[0], column + move[1]);
        this.update();
      },
    });
  }
}

class Source {
  constructor(view, choice, changed, failed, read) {
    this.view = view;
    [this.rows, this.columns] = extent(view, choice);
    const dims = view.kind === "frame" ? [choice.row] : [choice.row, choice.column];
    this.corner = dims.filter((dim) => dim !== null).map((dim) => view.dims[dim]).join(" \\ ");
    this.blocks = new Blocks({
      rows: this.rows, columns: this.columns, failed,
      load: (rows, columns, signal) => rectangle(view, choice, rows, columns, signal),
      changed: () => { read(); changed(); },
    });
    const abort = this.abort = new AbortController();
    const texts = (labels, size) => new LabelCache(
      (from, to) => labels(view, choice, from, Math.min(to, size), abort.signal), changed);
    this.rowTexts = texts(rowLabels, this.rows);
    this.columnTexts = texts(columnLabels, this.columns);
  }

  want(row, rowEnd, column, columnEnd) {
    this.blocks.want(row, rowEnd, column, columnEnd);
    this.rowTexts.want(row, rowEnd);
    this.columnTexts.want(column, columnEnd);
  }

  cell(row, column) {
    const found = this.blocks.cell(row, column);
    if (!found) return null;
    const dtype = columnType(this.view, column);
    found.text ??= cellText(found.value, dtype);
    found.isNumber ??= isNumeric(dtype);
    return found;
  }

  isNumber(column) { return isNumeric(columnType(this.view, column)); }

  rowLabel(row) { return this.rowTexts.texts.get(row); }

  columnLabel(column) { return this.columnTexts.texts.get(column); }

  close() {
    this.blocks.close();
    this.abort.abort();
  }
}
