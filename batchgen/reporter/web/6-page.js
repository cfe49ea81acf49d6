// What a person does, with keys, mouse or finger.
const KEYS = {
  a: () => decide(sheet.order[current()], "approved"),
  r: () => decide(sheet.order[current()], "rejected"),
  u: () => decide(sheet.order[current()], ""),
  n: () => note(),
  "/": () => byId("search").focus(),
};

function note() {
  const place = current();
  if (place === null || !reviewable(sheet.order[place])) return;
  open(place);
  byId("note").focus();
}

function move(key) {
  const place = sheet.cursor;
  const last = sheet.order.length - 1;
  if (place === null || last < 0) return null;
  return {
    ArrowLeft: Math.max(0, place - 1),
    ArrowRight: Math.min(last, place + 1),
    ArrowUp: neighbour(place, -1),
    ArrowDown: neighbour(place, 1),
    Home: 0,
    End: last,
  }[key] ?? null;
}

// The first image that can be seen: where the keys begin.
function begin() {
  const bar = byId("bar").getBoundingClientRect();
  const row = sheet.rows.slice(rowAt(bar.bottom - sheet.element.getBoundingClientRect().top)).find((each) => each.images);
  if (row) choose(row.first);
}

function keyInView(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key === "Escape") close();
  else if (step) open(view.place + step);
  else if (KEYS[event.key] && event.key !== "/") KEYS[event.key]();
  else return;
  event.preventDefault();
}

function keyInSheet(event) {
  const onControl = event.target.closest?.("button, a, summary");
  if (event.key === "ArrowRight" && sheet.cursor === null && sheet.order.length) begin();
  else if (move(event.key) !== null) choose(move(event.key));
  else if (event.key === "Enter" && sheet.cursor !== null && !onControl) open(sheet.cursor);
  else if (event.key === "Escape" && sheet.cursor !== null) choose(null);
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

function keyInField(event) {
  const done = event.key === "Escape" || (event.key === "Enter" && !event.shiftKey && !event.target.matches("select"));
  if (!done) return;
  event.target.blur();
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches?.("input, textarea, select")) keyInField(event);
  else if (view.place !== null) keyInView(event);
  else keyInSheet(event);
});

sheet.element.addEventListener("click", (event) => {
  const element = event.target.closest(".card");
  if (!element) return;
  const i = Number(element.dataset.i);
  const button = event.target.closest("[data-decide]");
  const place = sheet.place.get(i).column;
  if (button) {
    choose(place);
    decide(i, button.dataset.decide === review.of(i).decision ? "" : button.dataset.decide);
  } else open(place);
});

view.dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const i = sheet.order[view.place];
  if (button?.dataset.decide) decide(i, button.dataset.decide);
  else if (button?.id === "undo") decide(i, "");
  else if (button?.id === "previous") open(view.place - 1);
  else if (button?.id === "next") open(view.place + 1);
  else if (button?.id === "close" || event.target === view.dialog) close();
});
view.dialog.addEventListener("close", () => { if (view.place !== null) close(); });
byId("note").addEventListener("change", saveNote);

function options(select, pairs, chosen = "") {
  select.replaceChildren(...pairs.map(([value, words]) => h("option", { value, selected: String(value) === String(chosen) }, words)));
}

function filter(kind) {
  const select = h("select", { "data-filter": kind.name, "aria-label": title(kind) });
  const sums = kind.values.map(() => 0);
  for (const number of kind.numbers) sums[number] += 1;
  const choices = kind.values.map((value, number) => [number, `${plainly(kind, value)} (${count(sums[number])})`]);
  options(select, [["", `any ${title(kind)}`], ...choices]);
  select.addEventListener("change", () => {
    if (select.value === "") choice.filters.delete(kind);
    else choice.filters.set(kind, Number(select.value));
    show();
  });
  return select;
}
const plainly = (kind, value) => (kind === kinds[0] ? plain(value) : value) || `no ${title(kind)}`;

function controls() {
  options(byId("group"), [["", "one sheet"], ...groupable.map((kind) => [kinds.indexOf(kind), `by ${title(kind)}`])],
    kinds.indexOf(choice.group));
  options(byId("sort"), Object.entries(ORDERS).map(([name, [words]]) => [name, words]));
  byId("filters").append(...filterable.map(filter));
  byId("group").addEventListener("change", () => { choice.group = kinds[byId("group").value] ?? null; show(); });
  byId("sort").addEventListener("change", () => { choice.sort = byId("sort").value; show(); });
  byId("reviewed").addEventListener("change", () => { choice.review = byId("reviewed").value; show(); });
  byId("search").addEventListener("input", () => { choice.search = byId("search").value; show(); });
  byId("export").addEventListener("click", exportReview);
  byId("choices").addEventListener("click", ({ currentTarget: button }) => {
    button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") === "false"));
  });
  byId("clear").addEventListener("click", clear);
}

function clear() {
  for (const control of document.querySelectorAll("#filters select, #reviewed, #search")) control.value = "";
  Object.assign(choice, { search: "", review: "" });
  choice.filters.clear();
  show();
}

// Light, dark, or as the system has it.
const THEMES = ["auto", "light", "dark"];
function theme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[name];
  try {
    localStorage.setItem("batchgen-theme", name);
  } catch { /* a browser that keeps nothing follows the system next time */ }
}
function savedTheme() {
  try {
    const name = localStorage.getItem("batchgen-theme");
    return THEMES.includes(name) ? name : "auto";
  } catch {
    return "auto";
  }
}
byId("theme").addEventListener("click", () => {
  theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
});
theme(savedTheme());

for (const select of document.querySelectorAll("select[data-panels]")) {
  const panels = document.querySelectorAll(`[data-panel="${select.dataset.panels}"]`);
  select.addEventListener("change", () => panels.forEach((panel, at) => { panel.hidden = String(at) !== select.value; }));
}

// After a choice by hand the keys belong to the images again.
let byHand = false;
addEventListener("pointerdown", () => { byHand = true; });
addEventListener("keydown", () => { byHand = false; });
addEventListener("change", (event) => { if (byHand && event.target.matches("select")) event.target.blur(); });

let waiting = false;
const soon = (work) => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; work(); });
};
addEventListener("scroll", () => soon(draw), { passive: true });
new ResizeObserver(() => soon(() => (sheet.element.clientWidth === sheet.width ? draw() : layOut()))).observe(sheet.element);
addEventListener("storage", (event) => {
  if (event.key !== review.place) return;
  review.reread();
  for (const element of sheet.element.querySelectorAll(".card")) reviewMarks(element, Number(element.dataset.i));
  showReview();
});

// What the live page may do with the page.
const page = {
  addRows(fresh) {
    const images = merge(fresh);
    for (const i of images) delete haystacks[i];
    review.settle(images);
    show();
    showReview();
  },
  refuse(images) {
    review.forget(images);
    decisionsChanged(images);
  },
};

controls();
show();
showReview();
