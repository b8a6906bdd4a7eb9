// The cells of a table, read in blocks as they come into sight.

import { exactStringify } from "./exact.js";

const blockRows = 128;
const blockColumns = 32;
const mostBlocks = 96;
const mostRequests = 3;

/** A cache of blocks over a table of so many rows and columns. */
export class Blocks {
  /** `load(rows, columns, signal)` gives `{values: rows of values, etag}` of two half-open ranges. */
  constructor({ rows, columns, load, changed, failed }) {
    Object.assign(this, { rows, columns, load, changed, failed });
    this.blocks = new Map();
    this.requests = new Map();
    this.wanted = [];
    this.generation = 0;
  }

  /** A cell as `{value, etag, changedAt}`; nil if it has not been read yet. */
  cell(row, column) {
    const block = this.blocks.get(`${Math.floor(row / blockRows)} ${Math.floor(column / blockColumns)}`);
    const place = (row % blockRows) * (block?.width ?? 0) + (column % blockColumns);
    return block?.values?.[place];
  }

  /** Says what is in sight; reads what is missing of it and stops reading what is not in sight any more. */
  want(row, rowEnd, column, columnEnd) {
    this.wanted = [];
    const part = (size, start, end) => [Math.floor(start / size), Math.ceil(end / size)];
    const [top, bottom] = part(blockRows, row, Math.min(rowEnd, this.rows));
    const [left, right] = part(blockColumns, column, Math.min(columnEnd, this.columns));
    for (let down = top; down < bottom; down += 1) {
      for (let across = left; across < right; across += 1) this.wanted.push([down, across]);
    }
    const keys = new Set(this.wanted.map((place) => place.join(" ")));
    for (const [key, controller] of this.requests) if (!keys.has(key)) controller.abort();
    this.pump();
  }

  /** What was read may be old: what is in sight is read again, and shown until that has come. */
  invalidate() {
    this.generation += 1;
    this.pump();
  }

  close() {
    this.wanted = [];
    this.isClosed = true;
    for (const controller of this.requests.values()) controller.abort();
  }

  pump() {
    for (const place of this.wanted) {
      if (this.requests.size >= mostRequests) return;
      const key = place.join(" ");
      const block = this.blocks.get(key);
      if (this.requests.has(key) || block?.generation === this.generation) continue;
      this.request(key, place);
    }
  }

  async request(key, [down, across]) {
    const controller = new AbortController();
    this.requests.set(key, controller);
    const generation = this.generation;
    const rows = [down * blockRows, Math.min((down + 1) * blockRows, this.rows)];
    const columns = [across * blockColumns, Math.min((across + 1) * blockColumns, this.columns)];
    try {
      const { values, etag } = await this.load(rows, columns, controller.signal);
      if (!this.isClosed) this.keep(key, generation, columns[1] - columns[0], values, etag);
    } catch (error) {
      if (controller.signal.aborted || this.isClosed) return;
      this.blocks.set(key, { ...(this.blocks.get(key) ?? {}), generation });
      this.failed(error);
    } finally {
      this.requests.delete(key);
      if (!this.isClosed) this.pump();
    }
  }

  keep(key, generation, width, rows, etag) {
    const old = this.blocks.get(key)?.values;
    const now = performance.now();
    const values = rows.flat().map((value, place) => {
      const before = old?.[place];
      const isSame = !before || Object.is(before.value, value)
        || (typeof value === "object" && exactStringify(before.value) === exactStringify(value));
      return { value, etag, changedAt: isSame ? before?.changedAt ?? 0 : now };
    });
    this.blocks.delete(key);
    this.blocks.set(key, { generation, width, values });
    if (this.blocks.size > mostBlocks) this.blocks.delete(this.blocks.keys().next().value);
    this.changed();
  }
}
