// A table of any size of which only what is in sight exists. Rows have one height; an empty element is scrolled.

import { Axis } from "./axis.js";
import { framed, h, newId, setText } from "./dom.js";

const rowHeight = 22;
const headHeight = 24;
const flashMs = 700;

const newCell = (role) => h("div", { role, class: "cell" });

/**
 * A grid. `source` has `rows`, `columns`, `cell(row, column)` as `{text, isNumber, changedAt}` or nil, `rowLabel(row)`,
 * `columnLabel(column)`, `want(…)` and `canEdit`; `active(row, column)` is told where the cursor is.
 */
export class Grid {
  constructor({ label, active, edit }) {
    this.vertical = new Axis();
    this.horizontal = new Axis();
    this.cursor = { row: 0, column: 0 };
    this.activeId = newId();
    this.told = active;
    this.edit = edit;
    this.width = 80;
    this.labelWidth = 60;
    this.lines = [];
    this.heads = [];
    this.headLine = h("div", { role: "row", class: "line head", "aria-rowindex": "1" });
    this.corner = h("div", { role: "columnheader", class: "corner", "aria-colindex": "1" });
    this.headLine.append(this.corner);
    this.pane = h("div", { class: "pane", role: "presentation" }, this.headLine);
    this.extent = h("div", { class: "extent", role: "presentation" }, this.pane);
    this.scroller = h("div", { class: "scroller", role: "presentation", tabindex: "-1", onscroll: () => this.scrolled(),
      ontouchstart: () => { this.isByFinger = true; } }, this.extent);
    this.scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.element = h("div", {
      class: "grid", role: "grid", tabindex: "0", "aria-label": label,
      onkeydown: (event) => this.key(event), onpointerdown: (event) => this.pressed(event),
      ondblclick: () => this.startEdit(),
    }, this.scroller);
    this.render = framed(() => this.draw());
    this.observer = new ResizeObserver(() => { this.layout(); this.render(); });
    this.observer.observe(this.element);
  }

  /** Shows a source; where the cursor and the view are stays, as far as that is there. */
  show(source, label) {
    this.source = source;
    this.measured = 0;
    this.element.setAttribute("aria-label", label);
    this.element.setAttribute("aria-rowcount", source.rows + 1);
    this.element.setAttribute("aria-colcount", source.columns + 1);
    this.cursor.row = Math.max(0, Math.min(this.cursor.row, source.rows - 1));
    this.cursor.column = Math.max(0, Math.min(this.cursor.column, source.columns - 1));
    this.layout();
    this.draw();
  }

  close() {
    this.observer.disconnect();
    this.render.cancel();
    clearTimeout(this.quiet);
    clearTimeout(this.fading);
  }

  layout() {
    if (!this.source) return;
    const { clientWidth, clientHeight } = this.scroller;
    this.vertical.resize(this.source.rows * rowHeight, Math.max(rowHeight, clientHeight - headHeight));
    this.horizontal.resize(this.source.columns * this.width, Math.max(40, clientWidth - this.labelWidth));
    this.extent.style.height = `${this.vertical.extent + headHeight}px`;
    this.extent.style.width = `${this.horizontal.extent + this.labelWidth}px`;
    this.pane.style.width = `${clientWidth}px`;
    this.pane.style.height = `${clientHeight}px`;
    this.place();
  }

  scrolled() {
    this.vertical.scrolled(this.scroller.scrollTop, this.isByFinger);
    this.horizontal.scrolled(this.scroller.scrollLeft, this.isByFinger);
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => { this.isByFinger = false; this.place(); }, 200);
    this.render();
  }

  /** Where the element is shorter than what it stands for, the wheel goes its way here, in pixels. */
  wheel(event) {
    if (event.ctrlKey || !(this.vertical.isScaled || this.horizontal.isScaled)) return;
    event.preventDefault();
    const unit = [1, rowHeight, this.vertical.view][event.deltaMode];
    const [across, down] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
    this.vertical.by(down * unit);
    this.horizontal.by(across * unit);
    this.place();
    this.render();
  }

  /** Puts the scroll bars where the view is. */
  place() {
    this.scroller.scrollTop = this.vertical.place;
    this.scroller.scrollLeft = this.horizontal.place;
    this.vertical.position = this.scroller.scrollTop;
    this.horizontal.position = this.scroller.scrollLeft;
  }

  /** The rows and columns that are in sight, half open. */
  get sight() {
    const part = (axis, size, count) => {
      const first = Math.floor(axis.offset / size);
      return [first, Math.min(count, first + Math.ceil(axis.view / size) + 1)];
    };
    return {
      rows: part(this.vertical, rowHeight, this.source.rows),
      columns: part(this.horizontal, this.width, this.source.columns),
    };
  }

  draw() {
    if (!this.source) return;
    const { rows, columns } = this.sight;
    this.source.want(...rows, ...columns);
    this.drawHead(columns);
    const now = performance.now();
    let fading = false;
    for (let row = rows[0]; row < rows[1]; row += 1) fading = this.drawLine(row, row - rows[0], columns, now) || fading;
    for (const line of this.lines.slice(rows[1] - rows[0])) line.element.hidden = true;
    clearTimeout(this.fading);
    if (fading) this.fading = setTimeout(this.render, flashMs);
    this.measure(rows, columns);
    this.drawCursor();
  }

  drawHead([first, end]) {
    this.corner.style.width = `${this.labelWidth}px`;
    setText(this.corner, this.source.corner ?? "");
    for (let column = first; column < end; column += 1) {
      const head = this.heads[column - first] ??= this.headLine.appendChild(newCell("columnheader"));
      this.put(head, column);
      const text = this.source.columnLabel(column) ?? "";
      setText(head, text);
      head.title = text;
      head.classList.toggle("active", column === this.cursor.column);
      head.classList.toggle("number", this.source.isNumber(column));
    }
    for (const head of this.heads.slice(end - first)) head.hidden = true;
  }

  put(element, column) {
    element.hidden = false;
    element.style.left = `${this.labelWidth + column * this.width - this.horizontal.offset}px`;
    element.style.width = `${this.width}px`;
    element.setAttribute("aria-colindex", column + 2);
  }

  drawLine(row, number, [first, end], now) {
    const line = this.lines[number] ??= this.newLine();
    line.element.hidden = false;
    line.element.style.transform = `translateY(${headHeight + row * rowHeight - this.vertical.offset}px)`;
    line.element.setAttribute("aria-rowindex", row + 2);
    line.row = row;
    line.first = first;
    setText(line.label, this.source.rowLabel(row) ?? "");
    line.label.style.width = `${this.labelWidth}px`;
    line.label.classList.toggle("active", row === this.cursor.row);
    let fading = false;
    for (let column = first; column < end; column += 1) {
      const cell = line.cells[column - first] ??= line.element.appendChild(newCell("gridcell"));
      this.put(cell, column);
      const content = this.source.cell(row, column);
      setText(cell, content?.text ?? "·");
      const isNew = content && content.changedAt > 0 && now - content.changedAt < flashMs;
      fading ||= isNew;
      const look = `cell${content ? content.isNumber ? " number" : "" : " missing"}${isNew ? " changed" : ""}`;
      if (cell.className !== look) cell.className = look;
    }
    for (const cell of line.cells.slice(end - first)) cell.hidden = true;
    return fading;
  }

  newLine() {
    const label = h("div", { role: "rowheader", class: "label", "aria-colindex": "1" });
    const element = h("div", { role: "row", class: "line" }, label);
    this.pane.append(element);
    return { element, label, cells: [] };
  }

  /** Widens columns and labels to what is in sight; they never become narrower, so nothing jumps while one scrolls. */
  measure(rows, columns) {
    let text = 6;
    let label = 3;
    for (let column = columns[0]; column < columns[1]; column += 1) {
      text = Math.max(text, Math.min(26, this.source.columnLabel(column)?.length ?? 0));
      for (let row = rows[0]; row < rows[1]; row += 1) {
        text = Math.max(text, Math.min(30, this.source.cell(row, column)?.text.length ?? 0));
      }
    }
    for (let row = rows[0]; row < rows[1]; row += 1) label = Math.max(label, this.source.rowLabel(row)?.length ?? 0);
    const most = Math.floor(Math.min(30, this.scroller.clientWidth * 0.45 / 7.3));
    const corner = (this.source.corner ?? "").length;
    const wanted = [text * 7.3 + 16, Math.min(most, Math.max(label, corner)) * 7.3 + 16];
    const old = this.measured ? [this.width, this.labelWidth] : [0, 0];
    const now = wanted.map((width, place) => Math.max(old[place], Math.ceil(width)));
    this.measured = 1;
    if (now[0] === this.width && now[1] === this.labelWidth) return;
    const first = this.horizontal.offset / this.width;
    [this.width, this.labelWidth] = now;
    this.horizontal.offset = first * this.width;
    this.layout();
    // The cell with the cursor does not slip out of sight.
    if (this.elementOf(this.cursor)) this.reveal();
    this.render();
  }

  /** The element of a cell that is in sight. */
  elementOf({ row, column }) {
    const line = this.lines.find((candidate) => candidate.row === row && !candidate.element.hidden);
    const cell = line?.cells[column - line.first];
    return cell?.hidden ? undefined : cell;
  }

  drawCursor() {
    this.marked?.removeAttribute("id");
    this.marked?.removeAttribute("aria-selected");
    this.marked = this.elementOf(this.cursor);
    if (this.marked) {
      this.marked.id = this.activeId;
      this.marked.setAttribute("aria-selected", "true");
      this.marked.classList.add("cursor");
      this.element.setAttribute("aria-activedescendant", this.activeId);
    } else {
      this.element.removeAttribute("aria-activedescendant");
    }
    this.told(this.cursor.row, this.cursor.column);
  }

  /** Moves the cursor to a cell, and the view with it. */
  go(row, column) {
    if (!this.source?.rows || !this.source.columns) return;
    this.cursor.row = Math.max(0, Math.min(Math.round(row), this.source.rows - 1));
    this.cursor.column = Math.max(0, Math.min(Math.round(column), this.source.columns - 1));
    this.reveal();
    this.draw();
  }

  reveal() {
    const { row, column } = this.cursor;
    this.vertical.reveal(row * rowHeight, (row + 1) * rowHeight);
    this.horizontal.reveal(column * this.width, (column + 1) * this.width);
    this.place();
  }

  pressed(event) {
    const cell = event.target.closest?.(".cell");
    if (!cell || event.target.closest("input")) return;
    const line = this.lines.find((candidate) => candidate.cells.includes(cell));
    if (line) this.go(line.row, line.first + line.cells.indexOf(cell));
  }

  key(event) {
    if (event.target !== this.element || event.altKey || event.metaKey || !this.source) return;
    const { row, column } = this.cursor;
    const page = Math.max(1, Math.floor(this.vertical.view / rowHeight) - 1);
    const far = event.ctrlKey;
    const moves = {
      ArrowDown: [far ? this.source.rows : row + 1, column], ArrowUp: [far ? 0 : row - 1, column],
      ArrowRight: [row, far ? this.source.columns : column + 1], ArrowLeft: [row, far ? 0 : column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: [far ? 0 : row, 0], End: [far ? this.source.rows : row, this.source.columns],
    };
    if (moves[event.key]) {
      event.preventDefault();
      this.go(...moves[event.key]);
    } else if ((event.key === "Enter" || event.key === "F2") && !far) {
      event.preventDefault();
      this.startEdit();
    }
  }

  startEdit() {
    const cell = this.elementOf(this.cursor);
    if (cell && this.edit) this.edit(this.cursor.row, this.cursor.column, cell);
  }
}
