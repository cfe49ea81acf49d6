// Which images are shown, in which order, under which headings; and the address that says so.
const MOST_CHOICES = 100;
const MOST_GROUPS = 500;
const MOST_IN_ADDRESS = 200;
const fold = (words) => words.normalize("NFKC").toLowerCase();
const naturally = new Intl.Collator("en", { numeric: true });

const ORDERS = {
  manifest: ["as in the manifest", (a, b) => a - b],
  dearest: ["dearest first", (a, b) => columns.cost[b] - columns.cost[a] || a - b],
  cheapest: ["cheapest first", (a, b) => columns.cost[a] - columns.cost[b] || a - b],
  name: ["by name", (a, b) => naturally.compare(text("id", a), text("id", b)) || a - b],
  latest: ["latest first", (a, b) => columns.changed[b] - columns.changed[a] || a - b],
};
const flagsOf = (i) => text("flags", i).split(" · ").filter(Boolean);

// What a person may choose beside the values of a kind: the words of each choice, and what it means.
const REVIEWS = {
  undecided: ["undecided", (i) => reviewable(i) && review.of(i).decision === ""],
  approved: ["approved", (i) => reviewable(i) && review.of(i).decision === "approved"],
  rejected: ["rejected", (i) => reviewable(i) && review.of(i).decision === "rejected"],
  noted: ["with a note", (i) => review.of(i).note !== ""],
};
const DRAWN = {
  again: ["redrawn", redrawn],
  once: ["not redrawn", (i) => reviewable(i) && !redrawn(i)],
};

const title = (kind) => (kind.name === "block" && !kind.of ? "template" : plain(kind.name));
const keyOf = (kind) => (kind.of ? `${kind.of}:${kind.name}` : kind.name);
const varied = (kind, most) => kind.values.length > 1 && kind.values.length <= most;
const filterable = () => kinds.filter((kind) => varied(kind, MOST_CHOICES));
const groupable = () => kinds.filter((kind) => varied(kind, MOST_GROUPS));
const usualGroup = () =>
  groupable().find((kind) => kind.of === "tag") ?? groupable().find((kind) => kind.name === "block") ?? null;

const choice = { search: "", sort: "manifest", group: usualGroup(), review: "", drawn: "", flag: "", filters: new Map() };
const picked = new Set();

const haystacks = [];
function haystack(i) {
  haystacks[i] ??= fold(
    [text("id", i), text("prompt", i), text("path", i), text("reason", i), text("flags", i),
      ...kinds.map((kind) => valueOf(kind, i))].join("\n"),
  );
  return haystacks[i];
}

function matches(i, needles) {
  for (const [kind, value] of choice.filters) if (valueOf(kind, i) !== value) return false;
  if (choice.review && !REVIEWS[choice.review][1](i)) return false;
  if (choice.drawn && !DRAWN[choice.drawn][1](i)) return false;
  if (choice.flag && !flagsOf(i).includes(choice.flag)) return false;
  return needles.every((needle) => haystack(i).includes(needle));
}

// Groups in the order in which the manifest first names them: { name, images }.
function selected() {
  const needles = fold(choice.search).split(/\s+/).filter(Boolean);
  const found = all.filter((i) => matches(i, needles));
  const kind = choice.group;
  if (!kind) return found.length ? [{ name: "", images: found.sort(ORDERS[choice.sort][1]) }] : [];
  const groups = new Map();
  for (const i of found) {
    const number = kind.numbers[i];
    if (!groups.has(number)) groups.set(number, { name: kind.values[number] || `no ${title(kind)}`, images: [] });
    groups.get(number).images.push(i);
  }
  for (const group of groups.values()) group.images.sort(ORDERS[choice.sort][1]);
  return [...groups.values()];
}

// An image in an address: the name of its job, and its slot.
const linkTo = (i) => `${jobOf(i)}/${columns.slot[i]}`;

function linked(link) {
  const [job, slot] = [link.slice(0, link.lastIndexOf("/")), Number(link.slice(link.lastIndexOf("/") + 1))];
  return all.find((i) => columns.slot[i] === slot && jobOf(i) === job);
}

function addressNow() {
  const words = new URLSearchParams();
  const tell = (name, value, usual = "") => value !== usual && words.append(name, value);
  tell("tab", tabs.current, "images");
  tell("q", choice.search);
  tell("sort", choice.sort, "manifest");
  tell("group", choice.group ? keyOf(choice.group) : "", usualGroup() ? keyOf(usualGroup()) : "");
  for (const name of ["review", "drawn", "flag"]) tell(name, choice[name]);
  for (const [kind, value] of choice.filters) words.append(`is.${keyOf(kind)}`, value);
  for (const i of [...picked].slice(0, MOST_IN_ADDRESS)) words.append("picked", linkTo(i));
  if (view.place !== null) words.append("image", linkTo(sheet.order[view.place]));
  return words.toString();
}

let written = "";
function remember() {
  written = addressNow();
  try {
    history.replaceState(null, "", written ? `#${written}` : `${location.pathname}${location.search}`);
  } catch { /* a browser that does not let a file change its address goes on without */ }
}

// What an address says, as far as it is known here; the image that it names, if any.
function recall(words) {
  const told = new URLSearchParams(words);
  const kindOf = (key) => kinds.find((kind) => keyOf(kind) === key);
  const known = (name, choices) => (told.get(name) in choices ? told.get(name) : "");
  choice.search = told.get("q") ?? "";
  choice.sort = known("sort", ORDERS) || "manifest";
  choice.group = told.has("group") ? kindOf(told.get("group")) ?? null : usualGroup();
  choice.review = known("review", REVIEWS);
  choice.drawn = known("drawn", DRAWN);
  choice.flag = told.get("flag") ?? "";
  choice.filters.clear();
  for (const [name, value] of told) {
    const kind = name.startsWith("is.") && kindOf(name.slice(3));
    if (kind) choice.filters.set(kind, value);
  }
  picked.clear();
  for (const link of told.getAll("picked")) if (linked(link) !== undefined) picked.add(linked(link));
  tabs.show(told.get("tab") ?? (byId(`tab-${words}`) ? words : "images"));
  return told.has("image") ? linked(told.get("image")) : undefined;
}
