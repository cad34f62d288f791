// @ts-check
/** The ways in: choose, take, drop or paste a photo, or give an address. */

import { ask, begin, tell } from "./asking.js";
import { byId } from "./dom.js";
import { remember } from "./showing.js";
import { shrunk } from "./shrinking.js";

const root = document.documentElement;
const busy = byId("busy", HTMLElement);
const photoForm = byId("photo", HTMLFormElement);
const addressForm = byId("address", HTMLFormElement);
const results = byId("results", HTMLElement);

/** @type {(content: DocumentFragment) => void} */
let show;

/** Search for what a form says, or for a photo that was given otherwise. */
async function search(
  /** @type {HTMLFormElement} */ form,
  /** @type {FormData} */ given,
  /** @type {File | undefined} */ photo = undefined,
) {
  const signal = begin(photo ? "reading" : "searching");
  root.classList.add("searching");
  busy.hidden = false;
  photoForm.querySelector("img")?.remove();
  if (photo) {
    preview(photo);
    given.set("file", await shrunk(photo), photo.name);
    if (signal.aborted) return;
    tell("searching");
  }
  const answer = await ask(form.action, { method: "POST", body: given }, signal);
  if (!answer) return;
  show(answer.content);
  if (!answer.ok) return results.scrollIntoView({ block: "nearest" });
  form.reset();
  remember(answer.url);
  scrollTo({ top: 0 });
}

/** Show that nothing is looked for any more. */
export function settle() {
  root.classList.remove("searching");
  busy.hidden = true;
  photoForm.querySelector("img")?.remove();
}

/** Show the photo that is being looked for. */
function preview(/** @type {File} */ photo) {
  const image = Object.assign(new Image(600, 600), { alt: "", src: URL.createObjectURL(photo) });
  for (const event of ["load", "error"])
    image.addEventListener(event, () => URL.revokeObjectURL(image.src), { once: true });
  image.addEventListener("error", () => image.remove(), { once: true });
  photoForm.prepend(image);
}

/** Search for a photo, as the form would with the threshold that is set. */
function searchPhoto(/** @type {File} */ photo) {
  const given = new FormData(photoForm);
  setThreshold(given);
  search(photoForm, given, photo);
}

function searchAddress(/** @type {string} */ address) {
  const given = new FormData(addressForm);
  given.set("image_url", address);
  setThreshold(given);
  search(addressForm, given);
}

function setThreshold(/** @type {FormData} */ given) {
  const threshold = results.querySelector("#threshold");
  if (threshold instanceof HTMLInputElement) given.set("threshold", threshold.value);
}

/** A photo or the address of one in what was dropped or pasted. */
function take(/** @type {Event} */ event, /** @type {DataTransfer | null} */ data) {
  const photo = data?.files[0];
  const address = (data?.getData("text/uri-list") || data?.getData("text/plain") || "").trim();
  if (photo) searchPhoto(photo);
  else if (/^https?:\/\/\S+$/i.test(address)) searchAddress(address);
  else return;
  event.preventDefault();
}

/** Listen for photos and addresses, to show what was found. */
export function listen(/** @type {(content: DocumentFragment) => void} */ showAll) {
  show = showAll;
  for (const id of ["file", "camera"]) {
    const field = byId(id, HTMLInputElement);
    field.addEventListener("change", () => {
      const photo = field.files?.[0];
      field.form?.reset(); // so that the same file can be chosen again
      if (photo) searchPhoto(photo);
    });
  }
  addressForm.addEventListener("submit", (event) => {
    event.preventDefault();
    searchAddress(byId("image-url", HTMLInputElement).value);
  });
  results.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
    event.preventDefault();
    search(form, new FormData(form, submitter));
  });
  addEventListener("paste", (event) => {
    if (!(event.target instanceof HTMLInputElement)) take(event, event.clipboardData);
    else if (event.clipboardData?.files.length) take(event, event.clipboardData);
  });
  addEventListener("drop", (event) => {
    root.classList.remove("dragging");
    take(event, event.dataTransfer);
  });
  addEventListener("dragover", (event) => {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes("Files") && !types.includes("text/uri-list")) return;
    event.preventDefault();
    root.classList.add("dragging");
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) root.classList.remove("dragging");
  });
}
