// The large view: one image with all that is known of it, what was sent for it and what it replaced, and the decision.
// And two images side by side.
const view = { dialog: byId("view"), place: null };
const pair = { dialog: byId("compare"), images: [] };

const current = () => (view.place === null ? sheet.cursor : view.place);

function facts(i) {
  const size = columns.width[i] ? `${columns.width[i]}×${columns.height[i]}` : "";
  const drawn = columns.changed[i] && stateOf(i) === "stored" ? new Date(columns.changed[i] * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "";
  const file = columns.href[i] ? h("a", { href: columns.href[i], target: "_blank", rel: "noopener" }, text("path", i)) : text("path", i);
  const rows = [
    ["state", [plain(stateOf(i)), text("reason", i)].filter(Boolean).join(": ")],
    ["image", slotName(i)],
    ["cost", `${dollars(columns.cost[i])}${columns.estimated[i] ? " (estimated)" : ""}`],
    ["pixels", size],
    ["flags", text("flags", i)],
    ["measured", text("measured", i)],
    ["damage", text("fault", i)],
    ...kinds.slice(1).map((kind) => [title(kind), valueOf(kind, i)]),
    ["drawn", drawn],
    ["file", file],
    ["sha256", columns.sha256[i]],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

// One image with words below it; all of one view are zoomed and moved together.
function shot(role, source, words, description, caption = words) {
  const frame = h("div", { class: "pan" }, source ? h("img", { src: source, alt: description, draggable: "false" }) : h("span", { class: "none" }, caption));
  return h("figure", { class: "shot", "data-role": role }, frame, words && h("figcaption", {}, words));
}

function shots(i) {
  const before = columns.before[i] >= 0 ? [files[columns.before[i]]] : [];
  const sent = columns.sent[i].map((number) => files[number]);
  const own = shot("image", columns.href[i] || small(i), before.length || sent.length ? (before.length ? "Now" : "Image") : "", alt(i), unseen(i));
  return [
    own,
    ...before.map((file) => shot("before", file.href || smallOf(file), "Before", `${alt(i)}, before it was drawn again`, "not there any more")),
    ...sent.map((file) => shot("reference", live ? file.href : smallOf(file), `Reference: ${file.name}`, `Reference of ${alt(i)}: ${file.name}`, file.name)),
  ];
}

function open(place) {
  if (place === null || place < 0 || place >= sheet.order.length) return;
  saveNote();
  view.place = place;
  const i = sheet.order[place];
  const stage = byId("view-image");
  stage.replaceChildren(...shots(i));
  stage.dataset.count = Math.min(stage.children.length, 3);
  byId("view-title").textContent = text("id", i);
  byId("view-place").textContent = `${count(place + 1)} of ${count(sheet.order.length)}`;
  byId("view-prompt").textContent = text("prompt", i);
  byId("view-facts").replaceChildren(...facts(i));
  byId("view-review").hidden = !reviewable(i);
  byId("note").value = review.of(i).note;
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === sheet.order.length - 1;
  view.dialog.dataset.job = jobOf(i);
  view.dialog.dataset.slot = columns.slot[i];
  reviewMarks(view.dialog, i);
  if (!view.dialog.open) view.dialog.showModal();
  choose(place);
  remember();
  for (const near of [place + 1, place - 1]) {
    const href = columns.href[sheet.order[near]];
    if (href) new Image().src = href;
  }
}

function close() {
  saveNote();
  const place = view.place;
  view.place = null;
  view.dialog.close();
  zoom(byId("view-image"), false);
  if (place !== null && place < sheet.order.length) choose(place);
  remember();
}

// One pixel of the image for one of the window, or all of it.
function zoom(stage, actual = !stage.classList.contains("actual")) {
  stage.classList.toggle("actual", actual);
  for (const button of document.querySelectorAll(`[data-zoom="${stage.id}"]`)) button.setAttribute("aria-pressed", String(actual));
  for (const pan of stage.querySelectorAll(".pan")) {
    pan.scrollTo((pan.scrollWidth - pan.clientWidth) / 2, (pan.scrollHeight - pan.clientHeight) / 2);
  }
}

// What is moved in one image is moved in those beside it, by shares of their size.
function movedAsOne(stage) {
  stage.addEventListener("scroll", ({ target }) => {
    if (!target.matches?.(".pan") || !target.matches(":hover, :focus-within")) return;
    const share = (at, whole, part) => (whole > part ? at / (whole - part) : 0);
    const [x, y] = [share(target.scrollLeft, target.scrollWidth, target.clientWidth), share(target.scrollTop, target.scrollHeight, target.clientHeight)];
    for (const pan of stage.querySelectorAll(".pan")) {
      if (pan !== target) pan.scrollTo(x * (pan.scrollWidth - pan.clientWidth), y * (pan.scrollHeight - pan.clientHeight));
    }
  }, { capture: true, passive: true });
  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    const pan = event.target.closest(".pan");
    if (pan && event.button === 0) held = { pan, x: event.clientX, y: event.clientY, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!held || !event.buttons) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    held.moved ||= Math.abs(dx) + Math.abs(dy) > 4;
    if (held.moved && event.pointerType === "mouse") held.pan.scrollBy(-event.movementX, -event.movementY);
  });
  stage.addEventListener("click", (event) => {
    if (event.target.matches("img") && !held?.moved) zoom(stage);
    held = null;
  });
}
movedAsOne(byId("view-image"));
movedAsOne(byId("compare-images"));

function compare(images) {
  if (images.length !== 2) return;
  pair.images = images;
  byId("compare-images").replaceChildren(...images.map((i, at) => {
    const figure = shot("image", columns.href[i] || small(i), "", alt(i), plain(stateOf(i)));
    figure.append(h("figcaption", {}, h("div", { class: "name" }, cut(text("id", i)), slotName(i) && h("span", { class: "slot" }, slotName(i))),
      h("span", { class: "soft" }, parameters(i), " · ", money(columns.cost[i])),
      h("button", { type: "button", class: "main", "data-take": at, disabled: !images.every(reviewable) }, "Take this one ", h("kbd", {}, String(at + 1)))));
    return figure;
  }));
  pair.dialog.showModal();
}

// Approve one of the two, and reject the other.
function take(at) {
  if (!pair.images.every(reviewable)) return;
  say(pair.images.map((i, place) => [i, { ...review.of(i), decision: place === at ? "approved" : "rejected" }]));
  notice(`${alt(pair.images[at])} is approved, the other one rejected.`);
  leavePair();
}

function leavePair() {
  for (const i of pair.images) pick(i, false);
  pair.images = [];
  zoom(byId("compare-images"), false);
  if (pair.dialog.open) pair.dialog.close();
}

function decisionsChanged(images) {
  images.forEach(refresh);
  if (view.place !== null) {
    reviewMarks(view.dialog, sheet.order[view.place]);
    byId("note").value = review.of(sheet.order[view.place]).note;
  }
  showReview();
}

function saveNote() {
  const i = sheet.order[view.place];
  const note = byId("note").value.trim();
  if (view.place === null || !reviewable(i) || note === review.of(i).note) return;
  say([[i, { ...review.of(i), note }]]);
}

// Decide about the image that a person is at, and go on to the next.
function judge(decision) {
  const place = current();
  if (place === null) return begin();
  const i = sheet.order[place];
  if (!reviewable(i)) return;
  saveNote();
  say([[i, { ...review.of(i), decision }]]);
  if (place + 1 >= sheet.order.length) notice("That was the last image.");
  else if (view.place === null) choose(place + 1);
  else open(place + 1);
}

function judgeAll(images, decision) {
  const open = images.filter(reviewable);
  if (!open.length) return;
  say(open.map((i) => [i, { ...review.of(i), decision }]));
  notice(`${counted(open.length, "image")} ${decision}.`);
}

// Take the last decision back, be it about one image or thousands, and go to where it was made.
function undo() {
  const images = takeBack();
  if (images.length) notice(`Taken back: ${counted(images.length, "decision")}.`, false);
  const place = images.length === 1 ? sheet.place.get(images[0])?.column : undefined;
  if (place === undefined) return;
  if (view.place === null) choose(place);
  else open(place);
}

let silence = 0;
function notice(words, undoable = true) {
  clearTimeout(silence);
  byId("notice-words").textContent = words;
  byId("notice-undo").hidden = !undoable;
  byId("notice").hidden = false;
  silence = setTimeout(() => { byId("notice").hidden = true; }, 8000);
}
