// The contact sheet. Of a long one only rows near the window exist as elements, so that twenty thousand images cost what
// fifty do; printing makes all of them.
const NARROWEST = 176;
const CAPTION = 104;
const HEADING = 60;
const GAP = 14;
const MOST_AT_ONCE = 400;
const NEWEST = 24;

const sheet = {
  element: byId("sheet"), groups: [], rows: [], order: [], place: new Map(), drawn: new Map(), columns: 1, cursor: null,
  whole: false, printing: false,
};

const DECISION_SIGNS = { approved: "✓ approved", rejected: "✕ rejected", "": "" };

function reviewMarks(card, i) {
  const { decision, note } = review.of(i);
  card.dataset.review = decision;
  card.classList.toggle("noted", note !== "");
  card.querySelector(".mark")?.replaceChildren(
    ...(decision || note ? [`${DECISION_SIGNS[decision]}${note ? " ✎" : ""}`] : []),
  );
  for (const button of card.querySelectorAll("[data-decide]")) {
    button.setAttribute("aria-pressed", String(button.dataset.decide === decision));
  }
}

function pickMark(card, i) {
  card.classList.toggle("picked", picked.has(i));
  card.querySelector(".pick")?.setAttribute("aria-checked", String(picked.has(i)));
}

// What was asked for, as far as it differs from image to image; the size where nothing does.
const telling = () => kinds.slice(1, 4).filter((kind) => kind.values.length > 1);
const parameters = (i) => {
  const kindsOf = telling();
  return (kindsOf.length ? kindsOf : [kinds[3]]).map((kind) => valueOf(kind, i)).filter(Boolean).join(" · ");
};

// What stands in an image's place: one that is stored and not shown, such as an SVG, which could run, says its format.
const unseen = (i) => (stateOf(i) === "stored" ? `${text("path", i).split(".").pop()}: no preview` : plain(stateOf(i)));

function image(i) {
  const source = small(i);
  if (!source) return h("span", { class: "none" }, unseen(i));
  const soon = sheet.printing || (sheet.whole && columns.thumb[i]);
  return h("img", { src: source, alt: alt(i), loading: soon ? "eager" : "lazy", decoding: "async", draggable: "false" });
}

function card(i) {
  const before = spare.cards.get(version(i));
  return before ?? newCard(i);
}

function newCard(i) {
  const state = stateOf(i);
  const decide = (decision, sign, words) =>
    h("button", { type: "button", class: "icon", tabindex: "-1", "data-decide": decision, title: words, "aria-label": `${words}: ${alt(i)}` }, sign);
  const pick = () =>
    h("button", { type: "button", class: "pick", tabindex: "-1", role: "checkbox", title: "Select (x)", "aria-label": `Select ${alt(i)}` }, "✓");
  const element = h(
    "article",
    {
      class: "card", tabindex: "-1", "aria-label": `${alt(i)}, ${plain(state)}`, "data-i": i,
      "data-job": jobOf(i), "data-slot": columns.slot[i], "data-state": state, "data-redrawn": String(redrawn(i)),
    },
    h("div", { class: "frame" }, image(i), h("span", { class: "mark" }),
      redrawn(i) && h("span", { class: "again" }, "↻ redrawn"), reviewable(i) && pick()),
    h(
      "div",
      { class: "caption" },
      h("div", { class: "name" }, cut(text("id", i)), slotName(i) && h("span", { class: "slot" }, slotName(i))),
      h("div", { class: "facts" }, h("span", {}, parameters(i)), money(columns.cost[i], { class: "n" })),
      h("p", {}, state === "stored" ? text("prompt", i) : text("reason", i) || text("prompt", i)),
      h("div", { class: text("flags", i) ? "foot flagged" : "foot" },
        h("span", { class: `state ${TONES[state] ?? "calm"}` }, text("flags", i) || plain(state)),
        reviewable(i) && h("span", { class: "decide" }, decide("approved", "✓", "Approve"), decide("rejected", "✕", "Reject"))),
    ),
  );
  element.content = version(i);
  mark(element, sheet.order[sheet.cursor] === i);
  reviewMarks(element, i);
  pickMark(element, i);
  return element;
}
const TONES = { stored: "good", moderated: "warn", failed: "bad", lost_paid: "bad", uncertain: "accent" };

const costOf = (images) => images.reduce((sum, i) => sum + columns.cost[i], 0);
const imagesOf = (name) => sheet.groups.find((group) => group.name === name)?.images ?? [];

function heading(group) {
  const cost = costOf(group.images);
  const open = group.images.filter(reviewable).length;
  const every = (decision, words) =>
    h("button", {
      type: "button", class: "small", "data-control": `${decision === "approved" ? "approve" : "reject"}-group`,
      title: `${words} the ${counted(open, "image")} of this group`, "aria-label": `${words} ${count(open)}: ${group.name}`,
      onclick: (event) => { event.stopPropagation(); judgeAll(imagesOf(group.name), decision); },
    }, h("span", { class: "sign", "aria-hidden": "true" }, decision === "approved" ? "✓" : "✕"), h("span", { class: "long" }, words), ` ${count(open)}`);
  return h("h3", { class: "group-head" }, h("span", {}, group.name),
    h("small", { title: `${dollars(cost)} exactly` }, `${counted(group.images.length, "image")} · ${rounded(cost)}`),
    open > 0 && every("approved", "Approve"), open > 0 && every("rejected", "Reject"));
}

// What was drawn before it was laid out anew: rows that are the same stay, with the focus in them; of others the cards
// are used again, so that no image is asked for twice.
const spare = { rows: new Map(), cards: new Map() };

function contentOf({ group, images }) {
  if (group) return [group.name, group.images.length, costOf(group.images), group.images.filter(reviewable).length].join("\n");
  return images.map(version).join();
}

function setAside() {
  const look = [telling().map(title), ending?.shared, [...together.values()].some((slots) => slots > 1)].join();
  for (const element of sheet.drawn.values()) {
    if (look !== sheet.look) {
      element.remove();
      continue;
    }
    spare.rows.set(element.content, element);
    for (const one of element.querySelectorAll(".card")) spare.cards.set(one.content, one);
  }
  sheet.look = look;
  sheet.drawn.clear();
}

// Cut the selection into rows of known height: all that scrolling needs to know.
function layOut(groups = sheet.groups) {
  const width = sheet.element.clientWidth;
  const at = sheet.order[sheet.cursor];
  if (!width) { // behind another tab: laid out when it is seen
    Object.assign(sheet, { groups, width });
    return;
  }
  sheet.columns = Math.max(2, Math.floor((width + GAP) / (NARROWEST + GAP)));
  const edge = (width - GAP * (sheet.columns - 1)) / sheet.columns;
  const height = Math.ceil(edge) + CAPTION;
  Object.assign(sheet, { groups, rows: [], order: [], place: new Map(), width });
  let top = 0;
  for (const group of groups) {
    if (group.name) {
      sheet.rows.push({ top, height: HEADING, group });
      top += HEADING;
    }
    for (let from = 0; from < group.images.length; from += sheet.columns) {
      const images = group.images.slice(from, from + sheet.columns);
      for (const i of images) {
        sheet.place.set(i, { row: sheet.rows.length, column: sheet.order.length });
        sheet.order.push(i);
      }
      sheet.rows.push({ top, height, images, first: sheet.order.length - images.length });
      top += height + GAP;
    }
  }
  sheet.whole = sheet.order.length <= MOST_AT_ONCE;
  const style = sheet.element.style;
  style.height = `${top}px`;
  style.setProperty("--columns", sheet.columns);
  style.setProperty("--edge", `${edge}px`);
  style.setProperty("--card", `${height}px`);
  if (sheet.cursor !== null) sheet.cursor = sheet.place.get(at)?.column ?? null;
  setAside();
  draw();
}

function rowAt(y) {
  let [low, high] = [0, sheet.rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sheet.rows[middle].top + sheet.rows[middle].height < y) low = middle + 1;
    else high = middle;
  }
  return low;
}

function span() {
  if (sheet.whole || sheet.printing) return [0, sheet.rows.length];
  const above = -sheet.element.getBoundingClientRect().top;
  return [rowAt(above - innerHeight), Math.min(rowAt(above + 2 * innerHeight) + 1, sheet.rows.length)];
}

function draw() {
  const [first, end] = span();
  for (const [row, element] of sheet.drawn) {
    if (row < first || row >= end) {
      element.remove();
      sheet.drawn.delete(row);
    }
  }
  for (let row = first; spare.rows.size && row < end; row += 1) {
    const content = contentOf(sheet.rows[row]);
    if (!spare.rows.has(content)) continue;
    sheet.drawn.set(row, spare.rows.get(content));
    spare.rows.delete(content);
  }
  for (const element of spare.rows.values()) element.remove();
  spare.rows.clear();
  let after = null;
  for (let row = end - 1; row >= first; row -= 1) {
    const element = sheet.drawn.get(row) ?? drawnRow(sheet.rows[row]);
    sheet.drawn.set(row, element);
    element.style.top = `${sheet.rows[row].top}px`;
    if (!element.isConnected || element.nextSibling !== after) sheet.element.insertBefore(element, after);
    after = element;
  }
  spare.cards.clear();
}

function drawnRow(row) {
  const element = row.group ? heading(row.group) : h("div", { class: "cards" }, ...row.images.map(card));
  element.content = contentOf(row);
  return element;
}

const cardOf = (i) => sheet.element.querySelector(`.card[data-i="${i}"]`);

function refresh(i) {
  const element = cardOf(i);
  if (element) reviewMarks(element, i);
}

// The chosen image, as a place in the order that is shown; null for none.
function choose(place, focus = true) {
  mark(sheet.element.querySelector(".card.current"), false);
  sheet.cursor = place;
  if (place === null) return;
  const row = sheet.rows[sheet.place.get(sheet.order[place]).row];
  const top = sheet.element.getBoundingClientRect().top + row.top;
  const bar = byId("bar").getBoundingClientRect();
  const ceiling = Math.max(bar.bottom, bar.height) + GAP;
  const floor = innerHeight - (byId("selection").hidden ? 0 : byId("selection").offsetHeight);
  if (top < ceiling) scrollBy({ top: top - ceiling });
  else if (top + row.height > floor) scrollBy({ top: top + row.height - floor + GAP });
  draw();
  const element = cardOf(sheet.order[place]);
  mark(element, true);
  if (focus && view.place === null) element?.focus({ preventScroll: true });
}

function mark(element, chosen) {
  element?.classList.toggle("current", chosen);
  element?.setAttribute("tabindex", chosen ? "0" : "-1");
  for (const button of element?.querySelectorAll("button") ?? []) button.tabIndex = chosen ? 0 : -1;
  if (chosen) element?.setAttribute("aria-current", "true");
  else element?.removeAttribute("aria-current");
}

// The image above or below: in the same column of the next row that has images.
function neighbour(place, step) {
  const { row } = sheet.place.get(sheet.order[place]);
  const column = place - sheet.rows[row].first;
  let next = row + step;
  while (sheet.rows[next]?.group) next += step;
  if (!sheet.rows[next]) return place;
  return sheet.rows[next].first + Math.min(column, sheet.rows[next].images.length - 1);
}

// Show what is chosen. The image that a person is at stays the one, where it is still shown.
function show() {
  const at = sheet.order[current()];
  const groups = selected();
  const found = groups.reduce((sum, group) => sum + group.images.length, 0);
  layOut(groups);
  const place = sheet.place.get(at)?.column ?? null;
  sheet.cursor = place;
  if (view.place !== null) view.place = place ?? Math.min(view.place, sheet.order.length - 1);
  mark(cardOf(at), place !== null);
  byId("found").textContent =
    found === data.count ? counted(found, "image") : `${count(found)} of ${counted(data.count, "image")}`;
  byId("nothing").hidden = found > 0 || data.count === 0;
  byId("none-yet").hidden = data.count > 0;
  showReview();
}

// The newest first, as they came.
function showNewest() {
  const latest = all.filter((i) => stateOf(i) === "stored" && small(i))
    .sort((a, b) => columns.changed[b] - columns.changed[a] || b - a).slice(0, NEWEST);
  const before = new Map([...byId("strip").children].map((element) => [element.content, element]));
  byId("newest").hidden = latest.length === 0;
  if (latest.map(version).join() === [...before.keys()].join()) return;
  byId("strip").replaceChildren(...latest.map((i) => before.get(version(i)) ?? newest(i)));
}

function newest(i) {
  const element = h("li", {}, h("button", { type: "button", "data-i": i, title: alt(i), "aria-label": `Open ${alt(i)}` },
    h("img", { src: small(i), alt: "", decoding: "async", draggable: "false" })));
  element.content = version(i);
  return element;
}

// Everything that is shown, for paper.
function printing(on) {
  if (sheet.printing === on) return;
  sheet.printing = on;
  for (const img of sheet.element.querySelectorAll("img")) img.loading = on ? "eager" : "lazy";
  draw();
}

async function print() {
  printing(true);
  const images = [...sheet.element.querySelectorAll("img")];
  for (let from = 0; from < images.length; from += 100) {
    await Promise.allSettled(images.slice(from, from + 100).map((img) => img.decode()));
  }
  window.print();
}
