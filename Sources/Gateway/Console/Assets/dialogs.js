// Questions that wait for an answer.

import { h, newId } from "./dom.js";

/**
 * Shows a dialog and gives the value of the choice that was made; null if it was closed.
 *
 * A choice is `{text, value, isMain, isDanger, isHidden}`. With `submit`, the main choice calls that first; what it
 * throws is shown and the dialog stays.
 */
export function dialog({ title, body, choices, submit, isWide }) {
  const titleId = newId();
  const alert = h("p", { class: "error", role: "alert" });
  const box = h("dialog", { "aria-labelledby": titleId, class: isWide ? "wide" : null });
  return new Promise((resolve) => {
    let answer = null;
    const choose = async (choice) => {
      if (choice.isMain && submit) {
        alert.textContent = "";
        try { await submit(); } catch (error) { alert.textContent = error.message; return; }
      }
      answer = choice.value;
      box.close();
    };
    const buttons = choices.filter((choice) => !choice.isHidden).map((choice) => h("button", {
      type: choice.isMain ? "submit" : "button",
      class: choice.isDanger ? "danger" : choice.isMain ? "main" : null,
      onclick: choice.isMain ? null : () => choose(choice),
    }, choice.text));
    const form = h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        choose(choices.find((choice) => choice.isMain));
      },
    }, h("h2", { id: titleId }, title), body, alert,
    h("div", { class: "choices" }, h("button", { type: "button", onclick: () => box.close() }, "Cancel"), buttons));
    box.append(form);
    box.addEventListener("close", () => { box.remove(); resolve(answer); });
    document.body.append(box);
    box.showModal();
  });
}

/** Asks before something that cannot be undone; true if it is wanted. */
export const confirmed = async (title, text, doing) => await dialog({
  title, body: h("p", {}, text), choices: [{ text: doing, value: true, isMain: true, isDanger: true }],
}) === true;
