// @ts-check
/**
 * The sheets that hold the filters and the photo on small screens. They are popovers, so they open and
 * close without a script. This one makes an open sheet a dialog: the rest of the page waits behind it.
 */

const KNOWN = "popover" in HTMLElement.prototype; // older browsers show all of it
const WIDE = "(min-width: 56.01em)"; // where their content stands beside the results

/** Close the sheet that is open, before its content is replaced. */
export function closeSheet() {
  if (!KNOWN) return;
  const sheet = document.querySelector(".sheet:popover-open");
  if (sheet instanceof HTMLElement) sheet.hidePopover();
}

function begin(/** @type {HTMLElement} */ sheet) {
  sheet.role = "dialog";
  sheet.ariaModal = "true";
  sheet.setAttribute("aria-labelledby", `${sheet.id}-title`);
  for (let inner = sheet; inner !== document.body && inner.parentElement; inner = inner.parentElement)
    for (const other of inner.parentElement.children)
      if (other instanceof HTMLElement && other !== inner && other.role !== "status") other.inert = true;
}

function end(/** @type {HTMLElement} */ sheet) {
  for (const name of ["role", "aria-modal", "aria-labelledby"]) sheet.removeAttribute(name);
  for (const other of document.querySelectorAll("[inert]")) other.removeAttribute("inert");
}

/** Listen for sheets that open and close. */
export function listen() {
  if (!KNOWN) return;
  document.addEventListener("beforetoggle", (event) => {
    const { target: sheet } = event;
    if (!(sheet instanceof HTMLElement && sheet.matches(".sheet"))) return;
    if (event.newState === "open") begin(sheet);
    else end(sheet);
  }, true);
  matchMedia(WIDE).addEventListener("change", closeSheet);
}
