// @ts-check
/** Swagger UI has dark colours, but leaves it to the page to say when. */

const dark = matchMedia("(prefers-color-scheme: dark)");

function colour() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", colour);
colour();
