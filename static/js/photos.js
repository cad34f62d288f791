// @ts-check
/** Starting a search: choose, take, drop or paste a photo, or give the address of one. */

import { byId } from "./dom.js";
import { begin, remember, report, request } from "./results.js";

const LONGEST_SIDE = 1024; // pixels; a phone's photo has 4000, and search needs no more than this
const SMALL_ENOUGH = 600_000; // bytes

const root = document.documentElement;
const busy = byId("busy", HTMLElement);
const photoForm = byId("photo", HTMLFormElement);
const addressForm = byId("address", HTMLFormElement);
const results = byId("results", HTMLElement);

/** @type {(content: DocumentFragment) => void} */
let show;

/** Search with a form's data, and with a photo, if there is one. */
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
    report("searching");
  }
  const answer = await request(form.action, { method: "POST", body: given }, signal);
  if (!answer) return;
  show(answer.content);
  if (!answer.ok) return results.scrollIntoView({ block: "nearest" });
  form.reset();
  remember(answer.url);
  scrollTo({ top: 0 });
}

/** Show that the search has ended. */
export function settle() {
  root.classList.remove("searching");
  busy.hidden = true;
  photoForm.querySelector("img")?.remove();
}

/** Show the photo while the search is running. */
function preview(/** @type {File} */ photo) {
  const image = Object.assign(new Image(600, 600), { alt: "", src: URL.createObjectURL(photo) });
  for (const event of ["load", "error"])
    image.addEventListener(event, () => URL.revokeObjectURL(image.src), { once: true });
  image.addEventListener("error", () => image.remove(), { once: true });
  photoForm.prepend(image);
}

/** Search with a photo, as the form would, at the threshold that is set. */
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

/** Search with a dropped or pasted photo or address. */
function take(/** @type {Event} */ event, /** @type {DataTransfer | null} */ data) {
  const photo = data?.files[0];
  const address = (data?.getData("text/uri-list") || data?.getData("text/plain") || "").trim();
  if (photo) searchPhoto(photo);
  else if (/^https?:\/\/\S+$/i.test(address)) searchAddress(address);
  else return;
  event.preventDefault();
}

/** Listen for photos and addresses; `showAll` shows the results. */
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

/**
 * The photo, upright and not larger than search needs. A photo that this browser cannot read is
 * returned unchanged: the server may be able to read it, or says what is wrong.
 * @param {File} photo
 * @returns {Promise<Blob>}
 */
async function shrunk(photo) {
  const upright = createImageBitmap(photo, { imageOrientation: "from-image" });
  const bitmap = await upright.catch(() => null);
  if (!bitmap) return photo;
  const scale = LONGEST_SIDE / Math.max(bitmap.width, bitmap.height);
  const isLarge = scale < 1 || photo.size > SMALL_ENOUGH;
  const small = isLarge ? await drawn(bitmap, Math.min(scale, 1)) : null;
  bitmap.close();
  return small && small.size < photo.size ? small : photo;
}

/** @returns {Promise<Blob | null>} */
function drawn(/** @type {ImageBitmap} */ bitmap, /** @type {number} */ scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (!context) return Promise.resolve(null);
  context.fillStyle = "white"; // under transparent parts, as on the server
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
