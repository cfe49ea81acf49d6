// What a person does, with keys, mouse or finger.
const KEYS = {
  a: () => judge("approved"),
  r: () => judge("rejected"),
  u: undo,
  n: note,
  x: () => pick(sheet.order[current()]),
  c: () => compare([...picked]),
  z: () => view.place !== null && zoom(byId("view-image")),
  "/": () => byId("search").focus(),
};

function note() {
  const place = current();
  if (place === null || !reviewable(sheet.order[place])) return;
  open(place);
  byId("note").focus();
}

function pick(i, on = !picked.has(i)) {
  if (i === undefined || !reviewable(i)) return;
  if (on) picked.add(i);
  else picked.delete(i);
  const element = cardOf(i);
  if (element) pickMark(element, i);
  showPicked();
  remember();
}

function showPicked() {
  byId("selection").hidden = picked.size === 0;
  byId("picked").textContent = `${counted(picked.size, "image")} selected`;
  byId("pair").disabled = picked.size !== 2;
}

function unpick() {
  for (const i of [...picked]) pick(i, false);
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
  else if (KEYS[event.key] && !"/c".includes(event.key)) KEYS[event.key]();
  else return;
  event.preventDefault();
}

function keyInPair(event) {
  if (event.key === "Escape") leavePair();
  else if ("12".includes(event.key)) take(Number(event.key) - 1);
  else if (event.key === "z") zoom(byId("compare-images"));
  else return;
  event.preventDefault();
}

function keyInSheet(event) {
  const onControl = event.target.closest?.("button, a, summary, [role=tab]");
  if (tabs.current !== "images") return;
  if (event.key.startsWith("Arrow") && sheet.cursor === null && sheet.order.length && !onControl) begin();
  else if (move(event.key) !== null && !event.target.closest?.("[role=tablist], #strip")) choose(move(event.key));
  else if (event.key === "Enter" && sheet.cursor !== null && !onControl) open(sheet.cursor);
  else if (event.key === "Escape" && sheet.cursor !== null) choose(null);
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

function keyInField(event) {
  const done = event.key === "Escape" || (event.key === "Enter" && !event.shiftKey && !event.target.matches("select"));
  if (!done || event.target.matches("[readonly]")) return;
  event.target.blur();
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "p" && tabs.current === "images") {
    event.preventDefault();
    print();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches?.("input, textarea, select")) keyInField(event);
  else if (byId("files").open) return;
  else if (pair.dialog.open) keyInPair(event);
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
    const again = button.dataset.decide === review.of(i).decision;
    say([[i, again ? review.none(i) : { ...review.of(i), decision: button.dataset.decide }]]);
  } else if (event.target.closest(".pick") || event.ctrlKey || event.metaKey) {
    choose(place);
    pick(i);
  } else open(place);
});

byId("strip").addEventListener("click", (event) => {
  const i = Number(event.target.closest("button")?.dataset.i);
  if (!(i >= 0)) return;
  if (!sheet.place.has(i)) clear();
  open(sheet.place.get(i).column);
});

// What the buttons do, by their ids.
const PRESSED = {
  undo, export: exportReview, print, clear, unpick,
  previous: () => open(view.place - 1),
  next: () => open(view.place + 1),
  close,
  pair: () => compare([...picked]),
  "pick-approve": () => judgeAll([...picked], "approved"),
  "pick-reject": () => judgeAll([...picked], "rejected"),
  "pick-files": () => (sink.zip ?? listFiles)([...picked]),
  "notice-undo": undo,
  "leave-pair": leavePair,
  "leave-files": () => byId("files").close(),
  "copy-files": () => copy(byId("files-list")),
  "again-show": () => { byId("reviewed").value = "rejected"; choice.review = "rejected"; show(); remember(); },
};
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("button");
  if (!button || button.disabled) return;
  PRESSED[button.id]?.();
  if (button.dataset.control === "approve-all") judgeAll(shownNow(), "approved");
  if (button.dataset.control === "reject-all") judgeAll(shownNow(), "rejected");
  if (button.dataset.zoom) zoom(byId(button.dataset.zoom));
  if (button.dataset.take) take(Number(button.dataset.take));
});

view.dialog.addEventListener("click", (event) => {
  const decision = event.target.closest("button")?.dataset.decide;
  if (decision) judge(decision);
  else if (event.target === view.dialog) close();
});
view.dialog.addEventListener("close", () => { if (view.place !== null) close(); });
pair.dialog.addEventListener("close", leavePair);
byId("note").addEventListener("change", saveNote);

// Files of a selection: a page on disk can pack nothing, so it says what does.
function listFiles(images) {
  const paths = images.map((i) => text("path", i)).filter(Boolean);
  const quoted = paths.map((path) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`));
  byId("files-list").value = `zip selection.zip ${quoted.join(" \\\n  ")}\n`;
  byId("files-words").textContent = `${counted(paths.length, "file")}. Run this in the folder ${data.name}, where images/ lies:`;
  byId("files").showModal();
}

async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy");
  }
  notice("Copied.", false);
}

function options(select, pairs, chosen = "") {
  select.replaceChildren(...pairs.map(([value, words]) => h("option", { value, selected: String(value) === String(chosen) }, words)));
}

const plainly = (kind, value) => (kind === kinds[0] ? plain(value) : value) || `no ${title(kind)}`;

function filter(kind) {
  const select = h("select", { "data-filter": kind.name, "aria-label": title(kind) });
  const sums = new Map();
  for (const number of kind.numbers) sums.set(kind.values[number], (sums.get(kind.values[number]) ?? 0) + 1);
  const values = kind.values.filter((value) => sums.has(value));
  const choices = values.map((value) => [`=${value}`, `${plainly(kind, value)} (${count(sums.get(value))})`]);
  options(select, [["", `any ${title(kind)}`], ...choices], choice.filters.has(kind) ? `=${choice.filters.get(kind)}` : "");
  select.addEventListener("change", () => {
    if (select.value === "") choice.filters.delete(kind);
    else choice.filters.set(kind, select.value.slice(1));
    show();
    remember();
  });
  return select;
}

// What can be chosen from, as it is now.
function controls() {
  const sums = {};
  for (const i of all) for (const flag of flagsOf(i)) sums[flag] = (sums[flag] ?? 0) + 1;
  const again = all.filter(redrawn).length;
  options(byId("group"), [["", "one sheet"], ...groupable().map((kind) => [keyOf(kind), `by ${title(kind)}`])],
    choice.group ? keyOf(choice.group) : "");
  options(byId("sort"), Object.entries(ORDERS).map(([name, [words]]) => [name, words]), choice.sort);
  options(byId("reviewed"), [["", "any review"], ...Object.entries(REVIEWS).map(([name, [words]]) => [name, words])], choice.review);
  options(byId("drawn"), [["", "drawn at any time"], ["again", `redrawn (${count(again)})`], ["once", "not redrawn"]], choice.drawn);
  options(byId("flag"), [["", "any flag"], ...Object.entries(sums).map(([flag, sum]) => [flag, `${flag} (${count(sum)})`])], choice.flag);
  byId("drawn").hidden = !live && !again;
  byId("flag").hidden = !Object.keys(sums).length;
  byId("search").value = choice.search;
  byId("kinds").replaceChildren(...filterable().map(filter));
}

for (const [id, name] of [["group", "group"], ["sort", "sort"], ["reviewed", "review"], ["drawn", "drawn"], ["flag", "flag"]]) {
  byId(id).addEventListener("change", ({ target }) => {
    choice[name] = id === "group" ? kinds.find((kind) => keyOf(kind) === target.value) ?? null : target.value;
    show();
    remember();
  });
}
byId("search").addEventListener("input", () => { choice.search = byId("search").value; show(); remember(); });
byId("choices").addEventListener("click", ({ currentTarget: button }) => {
  button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") === "false"));
});

function clear() {
  Object.assign(choice, { search: "", review: "", drawn: "", flag: "" });
  choice.filters.clear();
  controls();
  show();
  remember();
}

// Images, money, charts and details: one at a time.
const tabs = (() => {
  const all = [...document.querySelectorAll("[role=tab]")];
  function show(name) {
    const tab = all.find((each) => each.id === `tab-${name}`) ?? all[0];
    tabs.current = tab.id.slice(4);
    for (const each of all) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
      byId(each.getAttribute("aria-controls")).hidden = each !== tab;
    }
    if (tabs.current === "images" && sheet.width !== sheet.element.clientWidth) layOut();
  }
  byId("tabs").addEventListener("click", ({ target }) => {
    if (!target.closest("[role=tab]")) return;
    show(target.closest("[role=tab]").id.slice(4));
    remember();
  });
  byId("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const next = all[(all.indexOf(event.target.closest("[role=tab]")) + step + all.length) % all.length];
    next.focus();
    next.click();
    event.preventDefault();
    event.stopPropagation();
  });
  return { current: "images", show };
})();

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

// An image that is not there any more says so.
document.addEventListener("error", ({ target }) => {
  if (target.matches?.("#sheet img, .shot img")) target.replaceWith(h("span", { class: "none" }, "not there any more"));
}, true);

// After a choice by hand the keys belong to the images again.
let byHand = false;
addEventListener("pointerdown", () => { byHand = true; });
addEventListener("keydown", () => { byHand = false; });
addEventListener("change", (event) => { if (byHand && event.target.matches("select")) event.target.blur(); });

const awaited = new Set();
const soon = (work) => {
  if (!awaited.size) {
    requestAnimationFrame(() => {
      const works = [...awaited];
      awaited.clear();
      for (const each of works) each();
    });
  }
  awaited.add(work);
};
const fit = () => (sheet.element.clientWidth === sheet.width ? draw() : layOut());
addEventListener("scroll", () => { if (!sheet.whole) soon(draw); }, { passive: true });
new ResizeObserver(() => soon(fit)).observe(sheet.element);
addEventListener("beforeprint", () => printing(true));
addEventListener("afterprint", () => printing(false));
matchMedia("print").addEventListener("change", ({ matches: paper }) => printing(paper));
addEventListener("storage", (event) => {
  if (event.key !== review.place) return;
  review.read();
  for (const element of sheet.element.querySelectorAll(".card")) reviewMarks(element, Number(element.dataset.i));
  showReview();
});

function go() {
  const image = recall(location.hash.slice(1));
  controls();
  show();
  showPicked();
  if (image === undefined) return;
  if (!sheet.place.has(image)) clear();
  open(sheet.place.get(image).column);
}
addEventListener("hashchange", () => {
  if (location.hash.slice(1) === written) return;
  if (view.place !== null) close();
  go();
});

// What the live page may do with the page.
const page = {
  addRows(fresh) {
    const images = merge(fresh);
    for (const i of images) delete haystacks[i];
    review.settle(images);
    soon(update);
  },
  refuse(images) {
    review.forget(images);
    decisionsChanged(images);
  },
};

function update() {
  const at = document.activeElement;
  if (!at?.matches("#filters select")) controls();
  show();
  showNewest();
  if (view.place !== null && !at?.matches("#note")) byId("view-facts").replaceChildren(...facts(sheet.order[view.place]));
}

go();
showNewest();
