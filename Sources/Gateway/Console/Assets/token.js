// The token of this tab, if the gateway asks for one. It is kept until the tab is closed, unless wished otherwise.

import { h, field } from "./dom.js";
import { dialog } from "./dialogs.js";

const key = "shmgate-token";
let current = null;
let asking = null;
// Who closed the question is not asked again, but has the button.
let isRefused = false;

function stored() {
  try { return sessionStorage.getItem(key) ?? localStorage.getItem(key); } catch { return null; }
}

/** The token; nil if there is none. */
export const token = () => (current ??= stored());

function keep(value, isForLong) {
  current = value;
  try {
    sessionStorage.removeItem(key);
    localStorage.removeItem(key);
    if (value) (isForLong ? localStorage : sessionStorage).setItem(key, value);
  } catch { /* a browser that keeps nothing: it lives as long as the page */ }
  showButton();
}

/** Shows the button by which the token is changed. */
function showButton() { document.getElementById("token").hidden = !token() && !asking && !isRefused; }

/** Asks for a token, once however many requests need one; true if there is another one now. */
export function askForToken(reason) {
  if (isRefused) return false;
  asking ??= ask(reason).finally(() => { asking = null; showButton(); });
  showButton();
  return asking;
}

async function ask(reason) {
  const input = h("input", {
    type: "password", autocomplete: "off", spellcheck: "false", "aria-label": "Token", class: "wide",
  });
  const stay = h("input", { type: "checkbox" });
  const answer = await dialog({
    title: "Token",
    body: [
      h("p", {}, reason),
      field("Token", input, "sent as Authorization: Bearer, to this gateway only"),
      h("label", { class: "check" }, stay, " keep it in this browser when the tab is closed"),
    ],
    choices: [
      { text: "Forget the token", value: "forget", isHidden: !token() }, { text: "Use it", value: "use", isMain: true },
    ],
  });
  if (answer === "use" && input.value.trim()) keep(input.value.trim(), stay.checked);
  else if (answer === "forget") keep(null);
  else isRefused = true;
  return !isRefused;
}

/** Wires the button, and shows it if there is a token. */
export function startTokens(changed) {
  const button = document.getElementById("token");
  button.addEventListener("click", async () => {
    isRefused = false;
    if (await askForToken("Requests of this page carry this token.")) changed();
  });
  showButton();
}
