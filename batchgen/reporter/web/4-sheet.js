// The contact sheet. Only rows near the window exist as elements, so that ten thousand images cost what fifty do.
const NARROWEST = 168;
const CAPTION = 104;
const HEADING = 60;
const GAP = 14;

const sheet = { element: byId("sheet"), rows: [], order: [], place: new Map(), drawn: new Map(), columns: 1, cursor: null };

function reviewMarks(card, i) {
  const { decision, note } = review.of(i);
  card.dataset.review = decision;
  card.classList.toggle("noted", note !== "");
  card.querySelector(".mark")?.replaceChildren(
    ...(decision || note ? [`${{ approved: "✓ approved", rejected: "✕ rejected", "": "" }[decision]}${note ? " ✎" : ""}`] : []),
  );
  for (const button of card.querySelectorAll("[data-decide]")) {
    button.setAttribute("aria-pressed", String(button.dataset.decide === decision));
  }
}

// What was asked for, as far as it differs from image to image; the size where nothing does.
const telling = kinds.slice(1, 4).filter((kind) => kind.values.length > 1);
const parameters = (i) => (telling.length ? telling : [kinds[3]]).map((kind) => valueOf(kind, i)).filter(Boolean).join(" · ");

function image(i) {
  const source = small(i);
  if (!source) return h("span", { class: "none" }, stateOf(i) === "stored" ? "no preview" : plain(stateOf(i)));
  return h("img", { src: source, alt: alt(i), loading: "lazy", decoding: "async", draggable: "false" });
}

function card(i) {
  const state = stateOf(i);
  const decide = (decision, sign, words) =>
    h("button", { type: "button", class: "icon", "data-decide": decision, title: words, "aria-label": `${words}: ${alt(i)}` }, sign);
  const element = h(
    "article",
    { class: "card", "data-i": i, "data-state": state, "aria-label": alt(i) },
    h("div", { class: "frame" }, image(i), h("span", { class: "mark" })),
    h(
      "div",
      { class: "caption" },
      h("b", { title: text("id", i) }, text("id", i)),
      h("div", { class: "facts" },
        h("span", {}, parameters(i)),
        h("span", { class: "n" }, dollars(columns.cost[i]))),
      h("p", {}, state === "stored" ? text("prompt", i) : text("reason", i) || text("prompt", i)),
      h("div", { class: "foot" },
        h("span", { class: `state ${TONES[state] ?? "calm"}` }, text("flags", i) || plain(state)),
        reviewable(i) && h("span", { class: "decide" }, decide("approved", "✓", "Approve"), decide("rejected", "✕", "Reject"))),
    ),
  );
  mark(element, sheet.order[sheet.cursor] === i);
  reviewMarks(element, i);
  return element;
}
const TONES = { stored: "good", moderated: "warn", failed: "bad", lost_paid: "bad", uncertain: "accent" };

function heading(group) {
  const cost = group.images.reduce((sum, i) => sum + columns.cost[i], 0);
  return h("h3", { class: "group-head" }, h("span", {}, group.name),
    h("small", {}, `${counted(group.images.length, "image")} · ${dollars(cost)}`));
}

// Cut the selection into rows of known height: all that scrolling needs to know.
function layOut(groups = sheet.groups) {
  sheet.groups = groups;
  const width = sheet.element.clientWidth;
  sheet.columns = Math.max(2, Math.floor((width + GAP) / (NARROWEST + GAP)));
  const edge = (width - GAP * (sheet.columns - 1)) / sheet.columns;
  const height = Math.ceil(edge) + CAPTION;
  Object.assign(sheet, { rows: [], order: [], place: new Map(), edge, width });
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
  sheet.element.style.height = `${top}px`;
  sheet.element.style.setProperty("--columns", sheet.columns);
  sheet.element.style.setProperty("--edge", `${edge}px`);
  sheet.element.style.setProperty("--card", `${height}px`);
  for (const element of sheet.drawn.values()) element.remove();
  sheet.drawn.clear();
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

function draw() {
  const above = -sheet.element.getBoundingClientRect().top;
  const first = rowAt(above - innerHeight);
  const end = rowAt(above + 2 * innerHeight) + 1;
  for (const [row, element] of sheet.drawn) {
    if (row < first || row >= end) {
      element.remove();
      sheet.drawn.delete(row);
    }
  }
  for (let row = first; row < Math.min(end, sheet.rows.length); row += 1) {
    if (!sheet.drawn.has(row)) sheet.drawn.set(row, sheet.element.appendChild(drawnRow(sheet.rows[row])));
  }
}

function drawnRow(row) {
  const element = row.group ? heading(row.group) : h("div", { class: "cards" }, ...row.images.map(card));
  element.style.top = `${row.top}px`;
  return element;
}

const cardOf = (i) => sheet.element.querySelector(`.card[data-i="${i}"]`);

function refresh(i) {
  const element = cardOf(i);
  if (element) reviewMarks(element, i);
}

// The chosen image, as a place in the order that is shown; null for none.
function choose(place) {
  mark(sheet.element.querySelector(".card.current"), false);
  sheet.cursor = place;
  if (place === null) return;
  const row = sheet.rows[sheet.place.get(sheet.order[place]).row];
  const top = sheet.element.getBoundingClientRect().top + row.top;
  const bar = byId("bar").getBoundingClientRect();
  const ceiling = Math.max(bar.bottom, bar.height) + GAP;
  if (top < ceiling) scrollBy({ top: top - ceiling });
  else if (top + row.height > innerHeight) scrollBy({ top: top + row.height - innerHeight + GAP });
  draw();
  mark(cardOf(sheet.order[place]), true);
}

function mark(element, chosen) {
  element?.classList.toggle("current", chosen);
  element?.setAttribute("aria-current", String(chosen));
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

function show() {
  const groups = selected();
  const found = groups.reduce((sum, group) => sum + group.images.length, 0);
  choose(null);
  layOut(groups);
  byId("found").textContent =
    found === data.count ? counted(found, "image") : `${count(found)} of ${counted(data.count, "image")}`;
  byId("nothing").hidden = found > 0;
}
