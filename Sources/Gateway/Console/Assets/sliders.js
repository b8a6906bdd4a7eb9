// Chooses what is not on the screen: which dimensions are rows and columns, and a place in each of the others.

import { h, newId, setText } from "./dom.js";
import { count } from "./format.js";
import { resolved } from "./model.js";

/** Controls for a view; `changed(choice)` is called with each new choice. `uses(dim)` says what is on the screen. */
export function sliders(view, choice, { changed, uses }) {
  const box = h("div", { class: "sliders", role: "group", "aria-label": "Slice" });
  const change = (part) => { choice = { ...choice, ...part }; changed(choice); return choice; };
  view.slots.forEach((slot, number) => {
    if (slot.count > 1) {
      box.append(slider(slot.title, slot.count, choice.slots[number],
        (value) => change({ slots: choice.slots.map((old, place) => (place === number ? value : old)) }), null));
    }
  });
  if (view.kind === "array" && view.dims.length > 1) box.append(...dimensionPickers(view, choice, change));
  view.dims.forEach((dim, number) => {
    if (view.kind !== "array" || uses(number, choice) || view.shape[number] < 1) return;
    const labels = view.labels[number];
    box.append(slider(dim, view.shape[number], choice.fixed[number],
      (value) => change({ fixed: choice.fixed.map((old, place) => (place === number ? value : old)) }),
      labels && ((position) => labels.at(resolved(choice), [position]))));
  });
  return box;
}

function slider(title, size, value, changed, label) {
  const id = newId();
  const word = h("output", { class: "mono", for: id });
  const input = (properties) => h("input", { min: 0, max: size - 1, value, ...properties });
  const range = input({ id, type: "range", "aria-label": `${title}, ${count(size)} places` });
  const number = input({ type: "number", "aria-label": `${title}, number`, class: "mono" });
  const name = async (position) => {
    if (!label) return;
    const text = await label(position).then((texts) => texts[0], () => "");
    if (Number(range.value) === position) {
      setText(word, text);
      range.setAttribute("aria-valuetext", text);
    }
  };
  const set = (source, other) => () => {
    const position = Number(source.value);
    if (!Number.isInteger(position) || position < 0 || position >= size || source.value === "") return;
    other.value = position;
    name(position);
    changed(position);
  };
  range.addEventListener("input", set(range, number));
  number.addEventListener("input", set(number, range));
  name(value);
  return h("div", { class: "slider" }, h("label", { for: id }, title), range, number, word);
}

function dimensionPickers(view, choice, change) {
  const picker = (title, key, other) => {
    const select = h("select", { "aria-label": `${title} are the dimension` }, view.dims.map((dim, number) =>
      h("option", { value: number, selected: number === choice[key] }, dim)));
    select.addEventListener("change", () => {
      const number = Number(select.value);
      change({ [key]: number, [other]: number === choice[other] ? choice[key] : choice[other], isRearranged: {} });
    });
    return h("label", { class: "picker" }, title, " ", select);
  };
  return [picker("rows", "row", "column"), picker("columns", "column", "row")];
}
