// @ts-check
/**
 * visualsearch widget 1.0: search by photo, and similar products, on a shop's own pages.
 *
 * <visual-search> is a camera button with a dialog; its content is shown beside the camera.
 * <similar-products> is a shelf, which takes no space while there is nothing to show.
 * docs/storefront.md lists their attributes, methods, events, CSS variables and parts, and what the
 * page's policy has to allow.
 */

/**
 * @typedef {Record<string, any>} Product as the API describes it
 * @typedef {{language: string, direction: string, words: Record<string, any>}} Speech
 * @typedef {[number, number, number, number]} Box left, top, width and height in fractions of a picture
 * @typedef {{
 *   query: string, liked?: Product, crop: string, more: Product[], less: Product[],
 *   group?: Product, options: Record<string, any>,
 * }} Search by the query's id: a photo, or a product that is liked
 */

const OWN_SHOP = import.meta.url.split("/static/")[0];

/**
 * What is said before the words of the shop are there, and if they cannot be had.
 * @type {Speech[]}
 */
const FIRST_WORDS = Object.entries({
  en: ["Search with a photo", "Close", "The shop cannot be reached."],
  de: ["Mit einem Foto suchen", "Schließen", "Der Shop ist nicht erreichbar."],
  fr: ["Rechercher avec une photo", "Fermer", "La boutique est injoignable."],
  es: ["Buscar con una foto", "Cerrar", "No se puede conectar con la tienda."],
  ja: ["写真で検索", "閉じる", "ショップに接続できません。"],
  ar: ["البحث بصورة", "إغلاق", "تعذّر الاتصال بالمتجر."],
}).map(([language, [title, close, unreachable]]) => ({
  language,
  direction: language === "ar" ? "rtl" : "ltr",
  words: { title, close, unreachable },
}));

/**
 * An element such as "p.price", whose classes are also its parts. Functions among the attributes are
 * listeners. Attributes and children that are false, null or undefined are left out.
 * @returns {any}
 */
function make(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  const names = classes.join(" ") || null;
  for (const [name, value] of Object.entries({ class: names, part: names, ...attributes }))
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.flat().filter(Boolean));
  return element;
}

const button = (classes, click, ...children) =>
  make(`button.${classes}`, { type: "button", click }, ...children);

const ICONS = {
  camera: "M4 7h3.5l1.5-2h6l1.5 2H20a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1Zm8 2.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7",
  photo: "M6 4h12a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3ZM3 17l5-4 3 2 5-5 5 5M8 8v.1",
  close: "m6 6 12 12M18 6 6 18",
  back: "m11 6-6 6 6 6M5 12h14",
  filters: "M4 8h9m4 0h3M4 16h3m4 0h9M15 6v4M9 14v4",
  thumb: "M7 11v9H4a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3l4-8a2 2 0 0 1 2 2v4h6a2 2 0 0 1 2 2l-1 7a2 2 0 0 1-2 2H7",
};

function icon(name) {
  const [svg, path] = ["svg", "path"].map((tag) =>
    document.createElementNS("http://www.w3.org/2000/svg", tag),
  );
  path.setAttribute("d", ICONS[name]);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (braces, name) => values[name] ?? braces);
}

const within = (value, most = 1) => Math.min(Math.max(value, 0), most);

// Photos

const LONGEST_SIDE = 1024; // pixels; a phone's photo has 4000, and search needs no more than this
const SMALL_ENOUGH = 600_000; // bytes

/** The photo on a canvas, no larger than search needs; null if this browser cannot read it. */
async function drawn(photo) {
  const bitmap = await createImageBitmap(photo).catch(() => null);
  if (!bitmap) return null;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.ceil(bitmap.width * scale);
  const height = Math.ceil(bitmap.height * scale);
  /** @type {HTMLCanvasElement} */
  const canvas = make("canvas", { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white"; // under transparent parts, as on the server
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

/** The photo, or a smaller copy from its canvas. The server may read what this browser cannot. */
async function shrunk(photo, canvas) {
  if (!canvas || photo.size < SMALL_ENOUGH) return photo;
  /** @type {Blob | null} */
  const small = await new Promise((use) => canvas.toBlob(use, "image/jpeg", 0.92));
  return small && small.size < photo.size ? small : photo;
}

// The crop box

/** @type {Box} */
const WHOLE = [0, 0, 1, 1];
const SMALLEST = 0.08; // share of a side; smaller boxes are accidents
const STEP = 0.04;
const PAUSE = 250; // milliseconds of rest before a search starts
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The box as the API takes it; "" if it is the whole photo. */
function written(box) {
  return Math.min(box[2], box[3]) > 0.995 ? "" : box.map((number) => number.toFixed(4)).join();
}

function moved([x, y, width, height], dx, dy) {
  return [within(x + dx, 1 - width), within(y + dy, 1 - height), width, height];
}

function resized([x, y, width, height], dx, dy) {
  const longer = (size, change, most) => Math.max(SMALLEST, Math.min(size + change, most));
  return [x, y, longer(width, dx, 1 - x), longer(height, dy, 1 - y)];
}

/** The box after a pointer moved; it grips a corner such as "nw", the box, or nothing. */
function pulled(grip, box, from, to) {
  if (grip === "box") return moved(box, to[0] - from[0], to[1] - from[1]);
  const [x, y, width, height] = box;
  const fixed = [grip.includes("w") ? x + width : x, grip.includes("n") ? y + height : y];
  const [a, b] = grip ? fixed : from;
  return [Math.min(a, to[0]), Math.min(b, to[1]), Math.abs(a - to[0]), Math.abs(b - to[1])];
}

/** A photo with a box on it, to draw, move and resize with mouse, finger or keyboard. */
function croppable(picture, crop, labels, use) {
  const corners = ["nw", "ne", "sw", "se"].map((grip) => make("span", { "data-grip": grip }));
  const handle = make("button.box", { id: "box", type: "button", "data-grip": "box", ...labels }, corners);
  const photo = make("div.photo", {}, picture, handle);
  let pausing = 0;
  /** @type {Box} */
  let box;

  function draw(next) {
    box = next;
    const sides = ["left", "top", "width", "height"];
    sides.forEach((side, i) => (handle.style[side] = `${100 * box[i]}%`));
    photo.classList.toggle("cropped", written(box) !== "");
  }

  photo.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    const gripped = event.target.dataset.grip ?? "";
    const grip = gripped === "box" && !written(box) ? "" : gripped;
    const edges = photo.getBoundingClientRect();
    const place = ({ clientX, clientY }) => [
      within((clientX - edges.left) / edges.width),
      within((clientY - edges.top) / edges.height),
    ];
    const [old, from, ending] = [box, place(event), new AbortController()];
    const end = ({ type }) => {
      ending.abort();
      const isSlip = type === "pointercancel" || Math.min(box[2], box[3]) < SMALLEST;
      if (isSlip || written(box) === written(old)) draw(old);
      else use(written(box));
    };
    photo.setPointerCapture(event.pointerId);
    photo.addEventListener("pointermove", (to) => draw(pulled(grip, old, from, place(to))), ending);
    photo.addEventListener("pointerup", end, ending);
    photo.addEventListener("pointercancel", end, ending);
  });

  handle.addEventListener("keydown", (event) => {
    const [dx, dy] = (ARROWS[event.key] ?? [0, 0]).map((sign) => sign * STEP);
    if (event.key === "Escape" && written(box)) draw(WHOLE);
    else if (dx || dy) draw((event.shiftKey || !written(box) ? resized : moved)(box, dx, dy));
    else return;
    event.preventDefault();
    clearTimeout(pausing);
    pausing = setTimeout(() => use(written(box)), PAUSE);
  });

  draw(crop ? crop.split(",").map(Number) : WHOLE);
  return photo;
}

// What both elements have in common

const styles = new CSSStyleSheet();

class ShopElement extends HTMLElement {
  #running = new AbortController();
  /** @type {Speech} */
  speech = FIRST_WORDS[0];
  root = this.attachShadow({ mode: "open" });

  constructor() {
    super();
    this.root.adoptedStyleSheets = [styles];
  }

  disconnectedCallback() {
    this.#running.abort();
  }

  get shop() {
    return (this.getAttribute("src") || OWN_SHOP).replace(/\/+$/, "");
  }

  get language() {
    const near = this.closest("[lang]") ?? document.documentElement;
    const tag = this.getAttribute("language") || near.getAttribute("lang") || navigator.language;
    try {
      return Intl.getCanonicalLocales(tag.replaceAll("_", "-"))[0];
    } catch {
      return "en";
    }
  }

  get direction() {
    const near = this.closest("[dir]") ?? document.documentElement;
    const isOwn = this.hasAttribute("language") && near !== this;
    return (!isOwn && near.getAttribute("dir")) || this.speech.direction;
  }

  /** Download the words, unless they are there. */
  async learnWords() {
    if (FIRST_WORDS.includes(this.speech))
      this.speech = await this.ask(`/api/widget/words/?language=${this.language}`);
  }

  say(key, values = {}) {
    return filled(this.speech.words[key] ?? "", values);
  }

  /** A text about a number, in the plural form that the language has for it. */
  count(key, count, values = {}) {
    const forms = this.speech.words[key] ?? {};
    const form = new Intl.PluralRules(this.speech.language).select(count);
    return filled(forms[form] ?? forms.other ?? "", { count: this.number(count), ...values });
  }

  number(value, options = {}) {
    return value.toLocaleString(this.language, { numberingSystem: "latn", ...options });
  }

  /** Abort the running request. Returns the signal that aborts the next one. */
  begin() {
    this.#running.abort();
    this.#running = new AbortController();
    return this.#running.signal;
  }

  /** The API's answer. Raises an error whose message is a sentence for the shopper. */
  async ask(path, options = {}) {
    const headers = { "Accept-Language": this.language }; // needs no preflight
    let response, answer;
    try {
      response = await fetch(this.shop + path, { credentials: "omit", headers, ...options });
      answer = await response.json();
    } catch {} // there is no connection, or no JSON
    if (response?.ok && answer) return answer;
    throw new Error(this.#sentence(response, answer));
  }

  #sentence(response, answer) {
    if (!response) return this.say("unreachable");
    const told = answer?.detail ?? Object.values(answer ?? {}).flat()[0];
    if (typeof told === "string") return told;
    const known = { 413: this.say("tooLarge"), 429: this.say("tooOften"), 503: this.say("busy") };
    const sentence = known[response.status] ?? this.say("unreadable");
    const wait = Number(response.headers.get("Retry-After"));
    return wait ? `${sentence} ${this.count("wait", wait, { wait })}` : sentence;
  }

  get options() {
    const all = (name) => (this.getAttribute(name) ?? "").split("|").filter(Boolean);
    const options = { collapse: "group", category: all("category"), availability: all("availability") };
    for (const name of ["threshold", "ordering", "limit", "collapse"])
      if (this.hasAttribute(name)) options[name] = this.getAttribute(name);
    return options;
  }

  /** Send an event. Returns false if it was cancelled. */
  tell(name, detail = null) {
    const options = { detail, bubbles: true, composed: true, cancelable: true };
    return this.dispatchEvent(new CustomEvent(`visualsearch:${name}`, options));
  }

  /** A product with its link into the shop; `actions` are below it. */
  card(product, ...actions) {
    const { name, brand, availability, match, score, image_src, thumbnail_src } = product;
    const href = [product.link, product.url].find((url) => /^https?:/.test(url));
    const target = this.getAttribute("target");
    const click = (event) => this.tell("select", product) || event.preventDefault();
    // The picture replaces its thumbnail where that would be blurred.
    const load = ({ target }) => {
      const isSmall = target.naturalHeight < target.width * devicePixelRatio;
      // `target.src` may be spelled otherwise.
      if (isSmall && target.getAttribute("src") !== image_src) target.src = image_src;
    };
    const percent = Math.floor(100 * score + 1e-4);
    const words = this.speech.words;
    return make(
      "li.card",
      {},
      make("div.picture", {}, make("img.image", { src: thumbnail_src, alt: "", load })),
      make("a.name", { href, target, click }, name),
      make("p.match", {}, this.say("score", { percent, band: words.match?.[match] ?? match })),
      brand && make("p.brand", {}, brand),
      this.#price(product),
      availability !== "in_stock" && make("p.stock", {}, words.availability?.[availability]),
      actions,
    );
  }

  #price({ price, sale_price, currency }) {
    const money = (value) =>
      // The mark keeps US$ in one piece where one reads from right to left.
      this.number(value, { style: "currency", currency }).replace(/[A-Z][$£¥€]/, "$&\u200e");
    const said = (text) => make("span.hidden", {}, `${text} `);
    if (sale_price === null) return make("p.price", {}, money(price));
    const [before, now] = [said(this.say("before")), said(this.say("now"))];
    const prices = [before, make("s", {}, money(price)), " ", now, make("strong", {}, money(sale_price))];
    return make("p.price", {}, prices);
  }
}

// <visual-search>

const THRESHOLD = "0.7"; // the API's own default
const FEW = 4; // fewer results come with a way to more

class VisualSearch extends ShopElement {
  static observedAttributes = ["label", "language"];

  #camera = button("camera", () => this.open(), icon("camera"), make("slot"));
  #title = make("h2.title", { id: "title" });
  #status = make("p.hidden", { role: "status" });
  #back = button("round.back", () => this.#goBack(), icon("back"));
  #close = button("round.close", () => this.close(), icon("close"));
  #body = make("div.body");
  #header = make("div.header", {}, this.#back, this.#title, this.#close);
  #dialog = make(
    "dialog.dialog",
    {
      "aria-labelledby": "title",
      close: () => this.#closed(),
      click: ({ target }) => target === this.#dialog && this.close(), // the backdrop
      dragover: (event) => this.#drag(event, true),
      dragleave: (event) => this.#drag(event, false),
      drop: (event) => this.#take(event, event.dataTransfer),
    },
    this.#header,
    this.#status,
    this.#body,
  );

  #query = make("figure.query");
  #active = make("span");
  #filters = make("form", {
    input: (event) => this.#filter(event),
    submit: (event) => event.preventDefault(),
  });
  #found = make("section.found", { "aria-labelledby": "found" });

  /** @type {HTMLElement | null} */
  #photo = null;
  #search = this.#fresh();
  /** @type {Search[]} */
  #past = [];
  #pausing = 0;

  constructor() {
    super();
    this.root.append(this.#camera, this.#dialog);
  }

  connectedCallback() {
    this.attributeChangedCallback();
  }

  attributeChangedCallback() {
    if (this.#dialog.open) return;
    const [language] = this.language.split("-");
    this.speech = FIRST_WORDS.find((each) => each.language === language) ?? FIRST_WORDS[0];
    this.#body.replaceChildren(); // the next time it is opened, it begins anew
    const label = this.getAttribute("label") || this.say("title");
    this.#camera.title = label;
    // The name of a button contains the words that are shown on it.
    if (!this.textContent?.trim()) this.#camera.setAttribute("aria-label", label);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.close();
  }

  /** Open the dialog. Returns false if an event's listener prevented that. */
  async open() {
    if (this.#dialog.open) return true;
    if (!this.tell("open")) return false;
    this.#name();
    document.addEventListener("paste", this.#paste);
    this.#dialog.showModal();
    if (!this.#body.firstChild) await this.#start();
    return true;
  }

  close() {
    this.#dialog.close();
  }

  /** Search with a photo, or with the address of one. */
  async search(/** @type {Blob | string} */ photo) {
    if (!(await this.open())) return;
    const signal = this.begin();
    this.#past = [];
    this.#photo = null;
    this.#search = this.#fresh();
    const body = new FormData();
    for (const [name, value] of this.#parameters()) body.append(name, value);
    this.#showFrame(this.say(photo instanceof Blob ? "reading" : "searching"));
    if (photo instanceof Blob) {
      const canvas = await drawn(photo);
      if (signal.aborted) return;
      this.#photo = canvas;
      this.#drawQuery();
      body.set("file", await shrunk(photo, canvas), "photo");
    } else body.set("image_url", photo);
    await this.#request("/api/search/", { method: "POST", body }, signal);
  }

  /** @returns {Search} */
  #fresh() {
    const options = { threshold: THRESHOLD, ordering: "-score", ...this.options };
    return { query: "", crop: "", more: [], less: [], options };
  }

  #name() {
    this.#dialog.lang = this.speech.language;
    this.#dialog.dir = this.direction;
    this.#title.textContent = this.say("title");
    this.#close.setAttribute("aria-label", this.say("close"));
    this.#back.setAttribute("aria-label", this.say("back"));
    this.#back.hidden = !this.#past.length;
  }

  #closed() {
    document.removeEventListener("paste", this.#paste);
    this.begin();
    if (this.#found.ariaBusy) this.#body.replaceChildren();
  }

  #problem(error, again) {
    const title = this.say("failed");
    return make(
      "div.problem",
      {},
      title && this.#heading(title),
      make("p", { role: "alert" }, error.message),
      button("button.quiet", again, this.say("retry") || "↻"),
    );
  }

  // Choosing a picture

  async #start() {
    try {
      await this.learnWords();
    } catch (error) {
      return this.#body.replaceChildren(this.#problem(error, () => this.#start()));
    }
    this.begin();
    this.#past = [];
    this.#name();
    const choose = this.#fileInput();
    const words = { "aria-label": this.say("address"), placeholder: this.say("addressHint") };
    const address = make("input.field", { type: "url", required: true, autocomplete: "off", ...words });
    const submit = (event) => {
      event.preventDefault();
      this.search(address.value);
    };
    const start = make(
      "div.start",
      {},
      make(
        "label.drop",
        {},
        choose,
        icon("photo"),
        make("b.touch", {}, this.say("choose")),
        make("b.mouse", {}, this.say("drop")),
        make("small.mouse", {}, this.say("dropOr")),
      ),
      make(
        "label.button.touch",
        {},
        this.#fileInput({ capture: "environment" }),
        icon("camera"),
        this.say("take"),
      ),
      make("form.address", { submit }, address, make("button.button.quiet", {}, this.say("search"))),
      make("small", {}, this.say("privacy")),
    );
    this.#body.replaceChildren(start);
    choose.focus();
  }

  #fileInput(attributes = {}) {
    const change = ({ target }) => target.files[0] && this.search(target.files[0]);
    return make("input.hidden", { type: "file", accept: "image/*", change, ...attributes });
  }

  #paste = (event) => {
    const data = event.clipboardData;
    const isTyping = event.composedPath()[0] instanceof HTMLInputElement;
    if (data?.files.length || !isTyping) this.#take(event, data);
  };

  #drag(event, isOver) {
    event.preventDefault();
    this.#dialog.classList.toggle("dragging", isOver);
  }

  #take(event, data) {
    this.#drag(event, false);
    const address = (data?.getData("text/uri-list") || data?.getData("text") || "").trim();
    const photo = data?.files[0] ?? (/^https?:\/\/\S+$/i.test(address) && address);
    if (photo) this.search(photo);
  }

  // Requesting results

  #parameters(page = 1) {
    const { query, crop, more, less, group, options } = this.#search;
    const [liked, disliked] = [more, less].map((products) => products.map(({ id }) => id).join());
    const given = { query, crop, more: liked, less: disliked, group_of: group?.id, page, ...options };
    return Object.entries(given).flatMap(([name, values]) =>
      [values].flat().filter(Boolean).map((value) => [name, String(value)]),
    );
  }

  #refine(page = 1) {
    clearTimeout(this.#pausing);
    this.#status.textContent = this.say("searching");
    const path = `/api/search/?${new URLSearchParams(this.#parameters(page))}`;
    return this.#request(path, {}, this.begin(), page);
  }

  async #request(path, options, signal, page = 1) {
    this.#found.ariaBusy = "true";
    try {
      const answer = await this.ask(path, { ...options, signal });
      if (!signal.aborted) this.#show(answer, page);
    } catch (error) {
      if (signal.aborted) return;
      const again = () => this.#request(path, options, this.begin(), page);
      this.#found.replaceChildren(this.#problem(error, again));
      this.#focus("found");
    }
    this.#found.ariaBusy = null;
  }

  /** Start another search, from which `#goBack` returns to this one. */
  #follow(changes) {
    this.#past.push(this.#search);
    this.#begin({ ...this.#search, options: { ...this.#search.options }, ...changes });
  }

  #goBack() {
    const search = this.#past.pop();
    if (search) this.#begin(search);
  }

  #begin(search) {
    this.#search = search;
    this.#showFrame(this.say("searching"));
    this.#refine();
  }

  // Showing results

  /** Everything but the results. */
  #showFrame(title) {
    this.#name();
    this.#drawQuery();
    this.#drawFilters();
    const waiting = make("li.card.waiting", {}, make("div.picture"), make("div.name"));
    const cards = Array.from("12345678", () => waiting.cloneNode(true));
    this.#found.replaceChildren(
      this.#heading(title),
      make("ul.grid", { "aria-hidden": "true" }, cards),
    );
    const open = matchMedia("(min-width: 681px)").matches;
    const summary = make("summary", {}, icon("filters"), this.say("filters"), this.#active);
    const filters = make("details.filters", { open }, summary, this.#filters);
    const side = make("div.side", {}, this.#query, filters);
    this.#body.replaceChildren(make("div.answer", {}, side, this.#found));
    this.#body.scrollTop = 0;
    this.#focus("found");
  }

  #heading(text) {
    this.#status.textContent = text;
    return make("h3", { id: "found", tabindex: -1 }, text);
  }

  #focus(id) {
    const element = this.root.getElementById(id) ?? this.root.getElementById("found");
    element?.focus({ preventScroll: true });
  }

  #drawQuery() {
    const { liked, crop } = this.#search;
    const enlarge = () => this.#query.classList.add("large");
    const another = button("text", () => this.#start(), this.say("another"));
    this.#query.classList.remove("large");
    if (liked) {
      const image = make("img.liked", { src: liked.image_src, alt: liked.name });
      const about = make("figcaption", {}, make("p", {}, this.say("liked")), another);
      return this.#query.replaceChildren(image, about);
    }
    if (!this.#photo) return this.#query.replaceChildren(make("figcaption", {}, another));
    const use = (box) => {
      this.#search.crop = box;
      this.#refine();
    };
    const reset = () => {
      use("");
      this.#drawQuery();
      this.#focus("box");
    };
    Object.assign(this.#photo, { role: "img", ariaLabel: this.say("photo") });
    const labels = { "aria-label": this.say("part"), "aria-describedby": "keys" };
    const photo = croppable(this.#photo, crop, labels, use);
    photo.addEventListener("click", enlarge);
    const about = [
      make("p.how", {}, this.say("cropHow")),
      make("p.hidden", { id: "keys" }, this.say("cropKeys")),
      button("text.enlarge", enlarge, this.say("enlarge")),
      button("text.whole", reset, this.say("whole")),
    ];
    this.#query.replaceChildren(photo, make("figcaption", {}, about, another));
  }

  #show(answer, page) {
    if (!this.tell("results", answer)) return this.close();
    const { count, results, nearest } = answer;
    const search = this.#search;
    const least = Math.round(100 * Number(search.options.threshold));
    const title = count ? this.count("found", count, { least }) : this.say("nothing");
    search.query = answer.query.id;
    this.#drawFacets(answer.facets);
    const shown = page > 1 ? this.#found.querySelectorAll(".card") : [];
    const fresh = (count ? results : nearest).map((product) => this.#result(product));
    const focused = this.root.activeElement;
    const isFocused = this.#found.contains(focused);
    const isMore = count > shown.length + fresh.length;
    this.#found.replaceChildren(
      this.#heading(title),
      ...this.#notes(answer, least),
      ...this.#votes(),
      make("ul.grid", {}, ...shown, fresh),
      isMore ? button("button.quiet.next", () => this.#refine(page + 1), this.say("next")) : "",
    );
    if (shown.length) fresh[0]?.querySelector("a").focus({ preventScroll: true });
    else if (isFocused) this.#focus(focused?.id ?? "");
    if (this.#photo || search.liked) return;
    // It came from an address, or only the server can read it.
    const src = `${this.shop}/api/search/${search.query}/photo/`;
    this.#photo = make("img", { src, draggable: "false" });
    this.#drawQuery();
  }

  /** What there is to say about results beside their number. */
  #notes({ count, nearest, index }, least) {
    const { group, options } = this.#search;
    const notes = [];
    if (group) notes.push(make("p", {}, this.say("variantsOf", group)));
    if (count >= FEW || (count && group)) return notes;
    if (!count) notes.push(make("p", {}, this.say(this.#count() ? "noneFiltered" : "noneReaches", { least })));
    const without = { category: [], availability: [], min_price: "", max_price: "" };
    if (this.#count())
      notes.push(button("text", () => this.#change(without), this.say("withoutFilters")));
    const limit = index.bands.at(-2).least;
    if (limit < Number(options.threshold)) {
      const text = this.say("showSimilar", { least: Math.round(100 * limit) });
      const classes = count ? "text" : "button";
      notes.push(button(classes, () => this.#change({ threshold: String(limit) }), text));
    }
    if (nearest.length) notes.push(make("h4", {}, this.say("nearest")));
    return notes;
  }

  #result(product) {
    const { id, name, more } = product;
    const similar = { query: `product-${id}`, liked: product, group: undefined, crop: "", more: [], less: [] };
    const vote = (side) =>
      Object.assign(this.#thumb("vote", side, product, this.say(side)), {
        id: side + id,
        ariaPressed: this.#search[side].some((each) => each.id === id),
      });
    return this.card(
      product,
      more > 0 && button("text.variants", () => this.#follow({ group: product }), this.say("variants", { more })),
      make(
        "div.actions",
        { role: "group", "aria-label": name },
        button("text.similar", () => this.#follow(similar), this.say("similar")),
        make("div.votes", {}, vote("more"), vote("less")),
      ),
    );
  }

  // Votes and filters

  #vote(side, product) {
    const search = this.#search;
    const others = (each) => each.id !== product.id;
    const votes = search[side].filter(others);
    const isNew = votes.length === search[side].length;
    search.more = search.more.filter(others);
    search.less = search.less.filter(others);
    search[side] = isNew ? [...votes, product] : votes;
    this.#refine();
  }

  #thumb(classes, side, product, text, ...shown) {
    const vote = () => this.#vote(side, product);
    const thumb = button(`${classes}.${side}`, vote, icon("thumb"), ...shown);
    return Object.assign(thumb, { title: text, ariaLabel: text });
  }

  #votes() {
    const chip = (side, undo) =>
      this.#search[side].map((product) =>
        this.#thumb("chip", side, product, this.say(undo, product), product.name, " ✕"),
      );
    const chips = [chip("more", "undoMore"), chip("less", "undoLess")].flat();
    if (!chips.length) return [];
    return [make("div.chips", { role: "group", "aria-label": this.say("votes") }, chips)];
  }

  /** How many filters are set. */
  #count() {
    const { category, availability, min_price, max_price } = this.#search.options;
    return category.length + availability.length + (min_price || max_price ? 1 : 0);
  }

  #change(options) {
    Object.assign(this.#search.options, options);
    this.#drawFilters();
    this.#refine();
  }

  #filter({ target }) {
    const given = new FormData(this.#filters);
    const { options } = this.#search;
    for (const name of ["threshold", "ordering", "min_price", "max_price"])
      options[name] = String(given.get(name));
    for (const name of ["category", "availability"]) options[name] = given.getAll(name).map(String);
    this.#filters.querySelector("output").value = this.#percent();
    clearTimeout(this.#pausing);
    this.#pausing = setTimeout(() => this.#refine(), target.type === "checkbox" ? 0 : PAUSE);
  }

  #percent() {
    return this.number(Number(this.#search.options.threshold), { style: "percent" });
  }

  #drawFilters() {
    const { options } = this.#search;
    const orders = { "-score": "best", price: "cheapest", "-price": "dearest" };
    const choices = Object.entries(orders).map(([value, key]) =>
      make("option", { value, selected: value === options.ordering }, this.say(key)),
    );
    const number = (name, key) => {
      const given = { name, value: options[name], "aria-label": this.say(key) };
      return make("input.field", { type: "number", min: 0, step: "any", ...given });
    };
    const slider = { type: "range", max: 1, step: 0.01, value: options.threshold };
    this.#filters.replaceChildren(
      make(
        "label",
        {},
        make("output", {}, this.#percent()),
        this.say("threshold"),
        make("input", { name: "threshold", "aria-label": this.say("threshold"), ...slider }),
      ),
      make("label", {}, this.say("order"), make("select.field", { name: "ordering" }, choices)),
      make(
        "fieldset",
        {},
        make("legend", {}, this.say("price")),
        make("div.pair", {}, number("min_price", "atLeast"), "–", number("max_price", "atMost")),
      ),
      make("fieldset", { id: "category" }),
      make("fieldset", { id: "availability" }),
    );
  }

  /** What every answer changes among the filters. */
  #drawFacets({ category, availability, price }) {
    const filters = this.#filters.elements;
    const focused = this.root.activeElement;
    filters.min_price.placeholder = price.min ?? "";
    filters.max_price.placeholder = price.max ?? "";
    this.#drawChips("category", this.say("category"), category);
    this.#drawChips("availability", this.say("stock"), availability, this.speech.words.availability);
    this.#active.textContent = this.#count() ? `(${this.#count()})` : "";
    if (focused instanceof HTMLInputElement && !focused.isConnected)
      [...filters].find(({ name, value }) => name === focused.name && value === focused.value)?.focus();
  }

  #drawChips(name, legend, facet, words = { __proto__: null }) {
    const chosen = this.#search.options[name];
    const counts = Object.fromEntries([
      ...chosen.map((value) => [value, 0]),
      ...facet.map((each) => [each.value ?? each.name, each.count]),
    ]);
    const chips = Object.entries(counts).map(([value, count]) => {
      const input = { type: "checkbox", name, value, checked: chosen.includes(value) };
      return make("label.chip", {}, make("input", input), words[value] ?? value, make("small", {}, `${count}`));
    });
    const isChoice = Object.keys(counts).some((value) => value !== "in_stock");
    const parts = [make("legend", {}, legend), make("div.chips", {}, chips)];
    this.#filters.querySelector(`#${name}`).replaceChildren(...(isChoice ? parts : []));
  }
}

// <similar-products>

const AHEAD = "1200px"; // the shelf loads when the window comes so near

class SimilarProducts extends ShopElement {
  static observedAttributes = ["src", "sku", "product"];

  #observer = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && this.#load(),
    { rootMargin: `${AHEAD} 0px` },
  );

  connectedCallback() {
    this.#wait();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#observer.disconnect();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#wait();
  }

  #wait() {
    this.begin();
    this.removeAttribute("state");
    this.root.replaceChildren();
    this.#observer.disconnect();
    this.#observer.observe(this);
  }

  async #load() {
    this.#observer.disconnect();
    const signal = this.begin();
    const sku = encodeURIComponent(this.getAttribute("sku") ?? "");
    const options = Object.entries({ threshold: "0", limit: "6", ...this.options });
    const pairs = options.flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
    const path = `/api/products/${this.getAttribute("product") ?? `by-sku/${sku}`}/similar/`;
    try {
      const asking = this.ask(`${path}?${new URLSearchParams(pairs)}`, { signal });
      const [answer] = await Promise.all([asking, this.learnWords()]);
      if (!signal.aborted) this.#show(answer);
    } catch {
      if (!signal.aborted) this.setAttribute("state", "empty");
    }
  }

  #show(answer) {
    const lowest = answer.index.bands.at(-1).name;
    const isAny = this.hasAttribute("threshold");
    const products = answer.results.filter(({ match }) => isAny || match !== lowest);
    const isShown = products.length && this.tell("results", answer);
    this.setAttribute("state", isShown ? "shown" : "empty");
    if (!isShown) return;
    const name = this.say("looksSimilar");
    const heading = this.getAttribute("heading") ?? name;
    const about = { lang: this.speech.language, dir: this.direction, "aria-label": heading || name };
    const cards = products.map((product) => this.card(product));
    this.root.append(
      make("section.shelf", about, heading && make("h2.heading", {}, heading), make("ul.row", {}, cards)),
    );
  }
}

styles.replaceSync(`
:host {
  --_accent: var(--visualsearch-accent, light-dark(#17614a, #7fd4b0));
  --_on-accent: oklch(from var(--_accent) clamp(0, (0.57 - l) * 999, 1) 0 0);
  --_paper: var(--visualsearch-background, light-dark(#fff, #171918));
  --_ink: var(--visualsearch-text, light-dark(#191b1a, #f0f1ee));
  --_soft: var(--visualsearch-muted, light-dark(#5c615e, #a9afab));
  --_line: var(--visualsearch-border, light-dark(#dcdcd5, #353a37));
  --_edge: color-mix(in oklab, var(--_ink) 55%, var(--_paper));
  --_sunken: color-mix(in oklab, var(--_ink) 6%, var(--_paper));
  --_radius: var(--visualsearch-radius, 12px);
  --_size: var(--visualsearch-button, 44px);
  --_touch: 36px;
  display: inline-block;
}
:host([scheme="light"]) { color-scheme: light }
:host([scheme="dark"]) { color-scheme: dark }
:host(similar-products) { display: block }
:host([hidden]), :host([state="empty"]), [hidden] { display: none !important }
@media (pointer: coarse) { :host { --_touch: 44px } }

*, ::before, ::after { box-sizing: border-box }
h2, h3, h4, p, ul, figure, fieldset { min-width: 0; margin: 0; padding: 0; border: 0; list-style: none }
button, input, select { margin: 0; padding: 0; border: 0; background: none; color: inherit; font: inherit }
button, summary, label, select { cursor: pointer }
:focus-visible, label:has(> :focus-visible) { outline: 3px solid var(--_accent); outline-offset: 2px }
[tabindex="-1"]:focus, .chip :focus-visible, .name:focus-visible { outline: none }
small, figcaption, .brand, .stock { color: var(--_soft); font-size: 0.875em }
.icon { flex: none; width: 24px; fill: none; stroke: currentcolor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; appearance: none }

.camera, .button, .round, .vote { display: inline-flex; flex: none; align-items: center; justify-content: center; gap: 8px; min-width: 44px; min-height: 44px; border-radius: var(--_radius) }
.camera { min-width: var(--_size); min-height: var(--_size); padding: 0 10px }
:is(.camera, .round, .vote):hover { background: color-mix(in srgb, currentcolor 9%, transparent) }
.button { padding: 6px 18px; border: 1px solid transparent; background: var(--_accent); color: var(--_on-accent); font-weight: 560 }
.quiet { border-color: var(--_edge); background: none; color: var(--_ink) }
.quiet:hover { background: var(--_sunken) }
.round, .vote { border-radius: 50% }
.text { min-height: var(--_touch); color: var(--_ink); font-weight: 560; text-align: start; text-decoration: underline }
.field { width: 100%; min-width: 0; min-height: 44px; padding: 0 14px; border: 1px solid var(--_edge); border-radius: var(--_radius); background: var(--_paper); text-overflow: ellipsis }
.field::placeholder { color: var(--_soft); opacity: 1 }
@media (hover: hover) { .touch { display: none } }
@media (hover: none) { .mouse { display: none } }

.dialog, .shelf {
  color: var(--_ink);
  font: 400 medium/1.45 system-ui;
  font-family: var(--visualsearch-font, inherit);
  text-align: start;
  text-transform: none;
  overflow-wrap: anywhere;
}
.dialog {
  flex-direction: column;
  width: min(var(--visualsearch-width, 1080px), 100vw - 32px);
  max-width: none;
  max-height: min(880px, 100dvh - 32px);
  padding: 0;
  overflow: hidden;
  border: 1px solid var(--_line);
  border-radius: calc(1.5 * var(--_radius));
  background: var(--_paper);
  box-shadow: 0 24px 80px rgb(0 0 0 / 0.3);
}
.dialog[open] { display: flex }
.dialog:not(:has(.answer)) { max-width: 620px }
.dialog::backdrop { background: rgb(0 0 0 / 0.5) }
.header { display: flex; flex: none; align-items: center; gap: 4px; padding: 8px 12px; border-bottom: 1px solid var(--_line) }
.title { flex: 1; padding-inline-start: 8px; font-size: 1.125em; font-weight: 620 }
[dir="rtl"] .back { transform: scaleX(-1) }
.body { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain }

.start, .found, .side, .query, .shelf { display: grid; align-content: start; gap: 14px; min-width: 0 }
.start { padding: 20px }
.drop { display: grid; place-content: center; justify-items: center; min-height: 232px; padding: 24px; border: 2px dashed var(--_edge); border-radius: var(--_radius); background: var(--_sunken); text-align: center }
.drop .icon { width: 48px; margin-bottom: 8px; color: var(--_soft); stroke-width: 1.1 }
.drop:hover, .dragging .drop { border-color: var(--_accent); background: var(--_sunken) }

.answer { display: grid; grid-template-columns: 252px minmax(0, 1fr); gap: 28px; padding: 20px }
.side { position: sticky; top: 20px }
.query { gap: 8px }
.photo { position: relative; justify-self: start; overflow: hidden; border-radius: var(--_radius); cursor: crosshair; touch-action: none }
.photo > :first-child { display: block; max-width: 100%; max-height: 300px }
.box { position: absolute; cursor: inherit }
.cropped .box { cursor: move; box-shadow: inset 0 0 0 2px #fff, 0 0 0 1px #000, 0 0 0 100vmax rgb(0 0 0 / 0.5) }
.box:focus-visible { outline-offset: -3px }
.box span { position: absolute; width: 16px; height: 16px; border-radius: 50%; background: #fff; box-shadow: 0 0 3px #000 }
.box span::after { content: ""; position: absolute; inset: -14px }
[data-grip^="n"] { top: 5px }
[data-grip^="s"] { bottom: 5px }
[data-grip$="w"] { left: 5px }
[data-grip$="e"] { right: 5px }
.liked { width: 160px; border-radius: var(--_radius) }
figcaption, .chips, .actions { display: flex; flex-wrap: wrap; align-items: center; gap: 0 14px }
.chips { gap: 8px }
.how { flex-basis: 100% }
.enlarge, .whole, .cropped + figcaption .how { display: none }
.cropped + figcaption .whole { display: block }

summary { display: flex; align-items: center; gap: 8px; min-height: 44px; font-weight: 600 }
.filters form { display: grid; gap: 18px; padding-top: 8px; font-size: 0.9375em }
form > label, legend { padding: 0; font-weight: 600 }
output { float: inline-end }
[type="range"] { width: 100%; min-height: var(--_touch) }
input { accent-color: var(--_accent) }
select, .pair { margin-top: 6px; font-weight: 400 }
.address, .pair { display: flex; align-items: center; gap: 8px }
.chips { margin-top: 8px }
.chip { display: inline-flex; align-items: center; gap: 6px; min-height: var(--_touch); padding: 2px 12px; border: 1px solid var(--_edge); border-radius: 22px }
.chip:has(:checked) { border-color: var(--_accent); background: var(--_sunken) }
.chip .icon { width: 16px }

.found h3 { font-size: 1.0625em }
.found > .button { justify-self: start }
.found > .next { justify-self: center }
[aria-busy="true"] .grid { opacity: 0.5 }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(var(--visualsearch-card, 168px), 42%), 1fr)); gap: 22px 16px }
.problem { display: grid; justify-items: start; gap: 10px; margin: 20px; padding: 18px; border-inline-start: 4px solid light-dark(#a3321d, #f2a08e); background: var(--_sunken) }

.card { position: relative; display: flex; flex-direction: column; gap: 3px }
.picture { aspect-ratio: 1; margin-bottom: 6px; overflow: hidden; border-radius: var(--_radius); background: var(--_sunken) }
.image { display: block; width: 100%; height: 100%; object-fit: cover }
.match { position: absolute; inset-block-start: 8px; inset-inline-start: 8px; margin-inline-end: 8px; padding: 2px 9px; border-radius: 12px; background: var(--_paper); font-size: 0.75em; font-weight: 560 }
.name { color: inherit; font-weight: 560; line-height: 1.3; text-decoration: none }
.name::after { content: ""; position: absolute; inset: 0 }
.name:hover { text-decoration: underline }
.name:focus-visible::after { outline: 3px solid var(--_accent); outline-offset: 4px }
.price s { color: var(--_soft) }
.actions { gap: 0; margin-top: auto }
.variants, .actions > * { position: relative; font-size: 0.9375em }
.similar { flex: 1 0 auto; max-width: 100% }
.votes { display: flex }
.vote { min-width: var(--_touch); min-height: var(--_touch); color: var(--_soft) }
.vote[aria-pressed="true"] { background: var(--_accent); color: var(--_on-accent) }
.vote .icon { width: 18px }
.less .icon { transform: rotate(180deg) }
.waiting > * { width: 70%; min-height: 1em; border-radius: var(--_radius); background: var(--_line) }
.waiting > .picture { width: 100% }

.heading { font-size: 1.375em; font-weight: 620; line-height: 1.2 }
.row { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(var(--visualsearch-card, 150px), 1fr); gap: 16px; margin: -6px; padding: 6px; overflow-x: auto; scrollbar-width: thin }
.row .card { max-width: 260px }

@media (max-width: 680px) {
  .dialog { width: 100vw; height: 100dvh; max-width: none !important; max-height: none; border: 0; border-radius: 0 }
  .answer { grid-template-columns: minmax(0, 1fr); gap: 12px; padding: 12px 16px }
  .side { position: static; gap: 4px }
  .query { grid-template-columns: auto minmax(0, 1fr); gap: 12px; align-items: center }
  .liked { width: 76px }
  .filters form { padding-bottom: 14px }
  .filters { border-block: 1px solid var(--_line) }
  .query.large { grid-template-columns: minmax(0, 1fr) }
  .large .photo > :first-child { max-height: 46dvh }
  .query:not(.large) {
    .photo > :first-child { max-width: 92px; max-height: 76px }
    .box { pointer-events: none; visibility: hidden }
    .how { display: none }
    .enlarge { display: block }
  }
}
`);

if (!customElements.get("visual-search")) {
  customElements.define("visual-search", VisualSearch);
  customElements.define("similar-products", SimilarProducts);
}
