// Which images are shown, in which order, under which headings.
const MOST_CHOICES = 100;
const MOST_GROUPS = 500;
const fold = (words) => words.normalize("NFKC").toLowerCase();
const naturally = new Intl.Collator("en", { numeric: true });

const ORDERS = {
  manifest: ["as in the manifest", (a, b) => a - b],
  dearest: ["dearest first", (a, b) => columns.cost[b] - columns.cost[a] || a - b],
  cheapest: ["cheapest first", (a, b) => columns.cost[a] - columns.cost[b] || a - b],
  name: ["by name", (a, b) => naturally.compare(text("id", a), text("id", b)) || a - b],
  latest: ["latest first", (a, b) => columns.changed[b] - columns.changed[a] || a - b],
};

const title = (kind) => (kind.name === "block" && !kind.of ? "template" : plain(kind.name));
const varied = (kind, most) => kind.values.length > 1 && kind.values.length <= most;
const filterable = kinds.filter((kind) => varied(kind, MOST_CHOICES));
const groupable = kinds.filter((kind) => varied(kind, MOST_GROUPS));

const choice = {
  search: "",
  sort: "manifest",
  group: groupable.find((kind) => kind.of === "tag") ?? groupable.find((kind) => kind.name === "block") ?? null,
  review: "",
  filters: new Map(),
};

const haystacks = [];
function haystack(i) {
  haystacks[i] ??= fold(
    [text("id", i), text("prompt", i), text("path", i), text("reason", i), text("flags", i),
      ...kinds.map((kind) => valueOf(kind, i))].join("\n"),
  );
  return haystacks[i];
}

function matches(i, needles) {
  for (const [kind, number] of choice.filters) if (kind.numbers[i] !== number) return false;
  if (choice.review) {
    const entry = review.of(i);
    if (choice.review === "noted") return entry.note !== "";
    if (!reviewable(i) || entry.decision !== (choice.review === "undecided" ? "" : choice.review)) return false;
  }
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
