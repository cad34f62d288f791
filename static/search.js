// @ts-check
/**
 * The search page without reloads. Its forms and links work without this file, too: here the
 * same requests go out with the header `X-Fragment`, and what comes back is the results alone.
 */

const PAUSE = 180; // milliseconds that the slider rests before its value is asked for

const root = document.documentElement;
const results = byId("results", HTMLElement);
const spoken = byId("status", HTMLElement);
const busy = byId("busy", HTMLElement);
const photoForm = byId("photo", HTMLFormElement);
const addressForm = byId("address", HTMLFormElement);
const file = byId("file", HTMLInputElement);

let running = new AbortController();
let pausing = 0;
let shown = here();

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`There is no ${type.name} #${id}.`);
}

/** What the address bar says, without the part that only scrolls. */
function here() {
  return location.pathname + location.search;
}

// Asking

/**
 * Ask for results in place of what was asked before.
 * @param {string} url
 * @param {RequestInit} [request]
 * @returns {Promise<{url: string, ok: boolean, content: DocumentFragment} | null>} null where a
 *   later request took over
 */
async function ask(url, request = {}) {
  clearTimeout(pausing);
  running.abort();
  const { signal } = (running = new AbortController());
  results.setAttribute("aria-busy", "true");
  spoken.textContent = spoken.dataset.busy ?? "";
  try {
    const response = await fetch(url, { ...request, signal, headers: { "X-Fragment": "1" } });
    return { url: response.url, ok: response.ok, content: parsed(await response.text()) };
  } catch {
    return signal.aborted ? null : { url, ok: false, content: copyOf("unreachable") };
  } finally {
    if (signal === running.signal) settle();
  }
}

/** The results in an answer. A whole page is somebody else's: of a proxy, or of an error. */
function parsed(/** @type {string} */ html) {
  if (/^\s*<(!doctype|html)/i.test(html)) return copyOf("unreadable");
  const template = document.createElement("template"); // where no script would run
  template.innerHTML = html;
  return template.content;
}

function copyOf(/** @type {string} */ template) {
  return document.importNode(byId(template, HTMLTemplateElement).content, true);
}

function settle() {
  results.removeAttribute("aria-busy");
  root.classList.remove("searching");
  busy.hidden = true;
  photoForm.querySelector("img")?.remove();
}

// Showing

/** Show other results, and say so to those who don't see them. */
function show(/** @type {DocumentFragment} */ content) {
  results.replaceChildren(content);
  announce();
}

/** Show what a filter changed; the filters themselves stay in the shopper's hand. */
function showChanged(/** @type {DocumentFragment} */ content) {
  const parts = [...content.querySelectorAll("[data-part]")];
  if (!parts.length) return show(content);
  const focused = document.activeElement;
  for (const part of parts) {
    const name = part.getAttribute("data-part");
    results.querySelector(`[data-part="${name}"]`)?.replaceWith(part);
  }
  if (focused instanceof HTMLInputElement && !focused.isConnected) focusLike(focused);
  announce();
}

function focusLike(/** @type {HTMLInputElement} */ { name, value }) {
  for (const input of results.querySelectorAll("input"))
    if (input.name === name && input.value === value) input.focus();
}

function announce() {
  spoken.textContent = results.querySelector(".found-words")?.textContent ?? "";
}

/** Put what is shown into the address bar, as a new entry of the history or in place of this one. */
function remember(/** @type {string} */ url, replace = false) {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  shown = here();
}

// What a shopper does

/**
 * Search for the picture that a form names, or for a photo that was given otherwise.
 * @param {HTMLFormElement} form
 * @param {File} [photo]
 */
async function search(form, photo) {
  const given = new FormData(form);
  if (photo) given.set("file", photo);
  const threshold = results.querySelector("#threshold");
  if (threshold instanceof HTMLInputElement) given.set("threshold", threshold.value);
  const asked = ask(form.action, { method: "POST", body: given });
  root.classList.add("searching");
  busy.hidden = false;
  if (photo) {
    form.reset(); // so that the same file can be chosen again
    preview(photo);
  }
  const answer = await asked;
  if (!answer) return;
  show(answer.content);
  if (!answer.ok) return results.scrollIntoView({ block: "nearest" });
  form.reset();
  remember(answer.url);
  scrollTo({ top: 0 });
}

/** Show the photo that is being looked for; as a data: URL, which our policy allows. */
function preview(/** @type {File} */ photo) {
  const { signal } = running;
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    if (signal !== running.signal || busy.hidden) return;
    const image = Object.assign(new Image(600, 600), { alt: "", src: reader.result });
    photoForm.querySelector("img")?.remove();
    photoForm.prepend(image);
  });
  reader.readAsDataURL(photo);
}

/** Ask again with what the filters say now. */
async function refine(/** @type {HTMLFormElement} */ form) {
  const options = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  const answer = await ask(`${form.action}?${options}`);
  if (!answer) return;
  showChanged(answer.content);
  if (answer.ok) remember(answer.url, true);
}

/** Turn to another page of the results. */
async function turn(/** @type {string} */ url) {
  const answer = await ask(url);
  if (!answer) return;
  show(answer.content);
  if (answer.ok) remember(answer.url);
  results.scrollIntoView();
  const title = results.querySelector(".found-title");
  if (title instanceof HTMLElement) title.focus({ preventScroll: true });
}

/** Go where the back and forward buttons point. */
async function goBack() {
  if (shown === here()) return;
  shown = here();
  const answer = await ask(shown);
  if (answer) show(answer.content);
}

// Listening

addEventListener("popstate", goBack);

file.addEventListener("change", () => {
  if (file.files?.length) search(photoForm, file.files[0]);
});

addressForm.addEventListener("submit", (event) => {
  event.preventDefault();
  search(addressForm);
});

results.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLInputElement || target instanceof HTMLSelectElement)) return;
  const { form } = target;
  if (!form) return;
  clearTimeout(pausing);
  if (target.type !== "range") return refine(form);
  byId("threshold-value", HTMLElement).textContent = `${Math.round(100 * Number(target.value))}%`;
  pausing = setTimeout(refine, PAUSE, form);
});

results.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target instanceof HTMLFormElement) refine(event.target);
});

results.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest(".pages a");
  if (!(link instanceof HTMLAnchorElement)) return;
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  turn(link.href);
});

addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  root.classList.add("dragging");
});

addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) root.classList.remove("dragging");
});

addEventListener("drop", (event) => {
  root.classList.remove("dragging");
  const photo = event.dataTransfer?.files[0];
  if (!photo) return;
  event.preventDefault();
  search(photoForm, photo);
});

addEventListener("paste", (event) => {
  const photo = event.clipboardData?.files[0];
  if (!photo) return;
  event.preventDefault();
  search(photoForm, photo);
});

root.classList.add("scripted");
