// The large view: one image with all that is known of it, and the decision about it.
const view = { dialog: byId("view"), place: null };

const current = () => (view.place === null ? sheet.cursor : view.place);

function facts(i) {
  const size = columns.width[i] ? `${columns.width[i]}×${columns.height[i]}` : "";
  const drawn = columns.changed[i] && stateOf(i) === "stored" ? new Date(columns.changed[i] * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "";
  const file = columns.href[i] ? h("a", { href: columns.href[i], target: "_blank", rel: "noopener" }, text("path", i)) : text("path", i);
  const rows = [
    ["state", [plain(stateOf(i)), text("reason", i)].filter(Boolean).join(": ")],
    ["cost", `${dollars(columns.cost[i])}${columns.estimated[i] ? " (estimated)" : ""}`],
    ["pixels", size],
    ["not as asked", text("flags", i)],
    ["damage", text("fault", i)],
    ...kinds.slice(1).map((kind) => [title(kind), valueOf(kind, i)]),
    ["drawn", drawn],
    ["file", file],
    ["sha256", columns.sha256[i]],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

function open(place) {
  if (place === null || place < 0 || place >= sheet.order.length) return;
  saveNote();
  view.place = place;
  const i = sheet.order[place];
  const source = columns.href[i] || small(i);
  byId("view-image").replaceChildren(
    source ? h("img", { src: source, alt: alt(i) }) : h("span", { class: "none" }, plain(stateOf(i))));
  byId("view-title").textContent = text("id", i);
  byId("view-place").textContent = `${count(place + 1)} of ${count(sheet.order.length)}`;
  byId("view-prompt").textContent = text("prompt", i);
  byId("view-facts").replaceChildren(...facts(i));
  byId("view-review").hidden = !reviewable(i);
  byId("note").value = review.of(i).note;
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === sheet.order.length - 1;
  reviewMarks(view.dialog, i);
  if (!view.dialog.open) view.dialog.showModal();
  choose(place);
  for (const near of [place + 1, place - 1]) {
    const href = columns.href[sheet.order[near]];
    if (href) new Image().src = href;
  }
}

function close() {
  saveNote();
  view.place = null;
  view.dialog.close();
}

function decisionsChanged(images) {
  images.forEach(refresh);
  if (view.place !== null) {
    reviewMarks(view.dialog, sheet.order[view.place]);
    byId("note").value = review.of(sheet.order[view.place]).note;
  }
  showReview();
}

function decide(i, decision) {
  if (i === undefined || !reviewable(i)) return;
  say([[i, decision ? { ...review.of(i), decision } : review.none(i)]]);
}

function saveNote() {
  const i = sheet.order[view.place];
  const note = byId("note").value.trim();
  if (view.place === null || !reviewable(i) || note === review.of(i).note) return;
  say([[i, { ...review.of(i), note }]]);
}
