// Reads again what is drawn: one request at a time, and once more if something changed meanwhile.

import { setText } from "./dom.js";

/** What `panel.read(signal)` gives goes to `panel.take(result)`; what went wrong is said in `panel.alert`. */
export class Refresher {
  constructor(panel) {
    this.panel = panel;
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
        const result = await this.panel.read(controller.signal);
        if (controller.signal.aborted) continue;
        setText(this.panel.alert, "");
        this.panel.take(result);
      } catch (error) {
        if (controller.signal.aborted) continue;
        setText(this.panel.alert, error.message);
        this.panel.failed?.();
      }
    }
    this.controller = null;
  }
}
