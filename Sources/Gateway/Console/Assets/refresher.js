// Reads again what is drawn: one request at a time, and once more if something changed meanwhile.

/** `read(signal)` gives what `show(result)` draws. */
export class Refresher {
  constructor(read, show, failed) {
    Object.assign(this, { read, show, failed });
    this.isDirty = false;
    this.controller = null;
  }

  /** Reads soon; what is being read is given up if it is of something else by now. */
  again(isOther) {
    this.isDirty = true;
    if (isOther) this.controller?.abort();
    if (!this.controller) this.run();
  }

  close() {
    this.isClosed = true;
    this.controller?.abort();
  }

  async run() {
    while (this.isDirty && !this.isClosed) {
      this.isDirty = false;
      const controller = this.controller = new AbortController();
      try {
        const result = await this.read(controller.signal);
        if (!controller.signal.aborted) this.show(result);
      } catch (error) {
        if (!controller.signal.aborted) this.failed(error);
      }
    }
    this.controller = null;
  }
}
