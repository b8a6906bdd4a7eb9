// Makes elements. Names, labels and attributes of segments are strangers' text: it becomes text nodes and nothing else.

/** An element of a name with properties and children; `on…` functions listen, null and false leave a property out. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => ![null, undefined, false].includes(child)));
  return element;
}

/** Sets the text of an element that has nothing else, if it is another one; a node that is there stays. */
export function setText(element, text) {
  const node = element.firstChild;
  if (!node) element.textContent = text;
  else if (node.data !== text) node.data = text;
}

let numbers = 0;

/** An id that no other element has. */
export const newId = () => `id-${++numbers}`;

/** A label with its field in it. */
export const field = (text, control, hint) =>
  h("label", { class: "field" }, h("span", {}, text), control, hint && h("small", {}, hint));

/** Says something in the corner, also to screen readers, for a few seconds. */
export function notice(text, isError = false) {
  const place = document.getElementById("notice");
  place.textContent = text;
  place.className = isError ? "error" : "";
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => { place.textContent = ""; }, 6000);
}

/** Calls a function in the next frame, once however often it was asked for. */
export function framed(action) {
  let asked = 0;
  const schedule = () => { asked ||= requestAnimationFrame(() => { asked = 0; action(); }); };
  schedule.cancel = () => { cancelAnimationFrame(asked); asked = 0; };
  return schedule;
}
