// A browser's element is at most some ten million pixels long; a million rows are longer. This maps one to the other.

const longest = 6_000_000;

/** One direction of scrolling over something that may be longer than an element can be; all in pixels. */
export class Axis {
  constructor() {
    this.total = 0;
    this.view = 0;
    this.offset = 0;
    this.position = 0;
  }

  /** Sets how long the thing is, and how much of it is seen. */
  resize(total, view) {
    this.total = total;
    this.view = view;
    this.offset = this.clamped(this.offset);
  }

  /** How long the element is. */
  get extent() { return Math.min(this.total, longest); }

  get isScaled() { return this.total > longest; }

  clamped(offset) { return Math.max(0, Math.min(offset, this.total - this.view)); }

  /** Where the element has to be for the present offset. */
  get place() {
    if (!this.isScaled) return this.offset;
    return this.offset / (this.total - this.view) * (this.extent - this.view);
  }

  /** Goes a way in pixels, however long. */
  by(way) { this.offset = this.clamped(this.offset + way); }

  /**
   * The element was scrolled to a position: by a finger, then ways are pixels, or with the thumb of the scroll bar,
   * then they are parts of the whole.
   */
  scrolled(position, isByFinger) {
    const way = position - this.position;
    this.position = position;
    if (!this.isScaled) this.offset = this.clamped(position);
    else if (isByFinger) this.by(way);
    else if (way) this.offset = this.clamped(position / (this.extent - this.view) * (this.total - this.view));
  }

  /** Moves so that a stretch is seen. */
  reveal(start, end) {
    if (start < this.offset) this.offset = this.clamped(start);
    else if (end > this.offset + this.view) this.offset = this.clamped(end - this.view);
  }
}
