// What the page knows, as the report wrote it or the viewer sends it; texts are stored once and meant by number.
const byId = (id) => document.getElementById(id);
const live = "live" in document.documentElement.dataset;
const data = live ? await (await fetch("/data.json")).json() : JSON.parse(byId("data").textContent);
const { columns, files, kinds, texts } = data;
const all = Array.from({ length: data.count }, (_, i) => i);

const text = (name, i) => texts[columns[name][i]];
const valueOf = (kind, i) => kind.values[kind.numbers[i]];
const stateOf = (i) => valueOf(kinds[0], i);
const jobOf = (i) => data.raw[i] ?? text("id", i);
const reviewable = (i) => stateOf(i) === "stored" && columns.sha256[i] !== "";
const redrawn = (i) => columns.before[i] >= 0;
const plain = (name) => name.replaceAll("_", " ");
const count = (number) => number.toLocaleString("en-US");
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

// Dollars without rounding and with at least two decimals, from whole micro-dollars.
function dollars(micro) {
  const fraction = String(micro % 1e6).padStart(6, "0").replace(/0{1,4}$/, "");
  return `$${count(Math.floor(micro / 1e6))}.${fraction}`;
}

// The same, rounded: cents, or four decimals below ten cents, and never to nothing.
function rounded(micro) {
  if (micro < 100) return dollars(micro);
  const digits = micro < 100_000 ? 4 : 2;
  return `$${(micro / 1e6).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}

// An element with properties and children; text only ever becomes a text node, and no property takes markup.
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

const money = (micro, properties = {}) => h("span", { ...properties, title: `${dollars(micro)} exactly` }, rounded(micro));

// The small copy of an image; where there is none yet, the image itself; nothing for what a browser should not open.
function smallOf({ href, thumb, sha256 }) {
  if (live) return href.replace("/image/", "/thumb/");
  return thumb ? `thumbs/${encodeURIComponent(sha256)}.webp` : href;
}
const small = (i) => smallOf({ href: columns.href[i], thumb: columns.thumb[i], sha256: columns.sha256[i] });

// Which of its job's images one is.
const together = new Map();
const countSlot = (i) => together.set(columns.key[i], Math.max(together.get(columns.key[i]) ?? 0, columns.slot[i] + 1));
all.forEach(countSlot);
const slotName = (i) => (together.get(columns.key[i]) > 1 ? `${columns.slot[i] + 1} of ${together.get(columns.key[i])}` : "");
const alt = (i) => [text("id", i), slotName(i)].filter(Boolean).join(", ");

// How many signs all names here have in common at their ends, from the last on.
let ending = null;
function nameEnds(name) {
  ending ??= { of: name, shared: null };
  if (name === ending.of) return;
  let same = 0;
  while (same < (ending.shared ?? name.length) && name.at(-1 - same) === ending.of.at(-1 - same)) same += 1;
  ending.shared = same;
}
all.forEach((i) => nameEnds(text("id", i)));

// A name that is cut in its middle where there is no room: before what tells it from others, which is near its end.
function cut(whole) {
  const shared = ending?.shared ?? 0;
  let from = shared > 4 ? Math.max(whole.length - shared - 8, 0) : whole.length - Math.min(12, whole.length >> 1);
  if (whole.charCodeAt(from) >> 10 === 0x37) from += 1; // never between the two halves of one character
  return h("b", { class: "cut", title: whole }, h("span", {}, whole.slice(0, from)), h("span", {}, whole.slice(from)));
}

// Rows that are new or have changed, as an object like `data`: each takes the place of the image with its key and slot.
const slotOf = (from, i) => `${from.texts[from.columns.key[i]]}/${from.columns.slot[i]}`;
const places = new Map(all.map((i) => [slotOf(data, i), i]));
const numbers = new Map(texts.map((words, number) => [words, number]));

// How often each image has changed since the page was opened: what shows it is made anew.
const versions = [];
const version = (i) => `${i}.${versions[i] ?? 0}`;

function numberOf(words) {
  if (!numbers.has(words)) numbers.set(words, texts.push(words) - 1);
  return numbers.get(words);
}

function setKind(kind, i, value) {
  const number = kind.values.indexOf(value);
  kind.numbers[i] = number < 0 ? kind.values.push(value) - 1 : number;
}

function kindLike(one) {
  const found = kinds.find((kind) => kind.name === one.name && kind.of === one.of);
  if (found) return found;
  kinds.push({ name: one.name, of: one.of, values: [""], numbers: Array(data.count).fill(0) });
  return kinds.at(-1);
}

// Gives the numbers of the images that were added or changed.
function merge(fresh) {
  const worded = new Set(data.worded);
  const pairs = fresh.kinds.map((one) => [one, kindLike(one)]);
  const moved = fresh.files.map((file) => files.push(file) - 1);
  const told = (name, value) => {
    if (worded.has(name)) return numberOf(fresh.texts[value]);
    if (name === "before") return moved[value] ?? -1;
    return name === "sent" ? value.map((number) => moved[number]) : value;
  };
  return Array.from({ length: fresh.count }, (_, from) => {
    const slot = slotOf(fresh, from);
    if (!places.has(slot)) {
      places.set(slot, data.count);
      for (const kind of kinds) setKind(kind, data.count, "");
      columns.sent[data.count] = [];
      all.push(data.count);
      data.count += 1;
    }
    const i = places.get(slot);
    for (const [name, values] of Object.entries(fresh.columns)) columns[name][i] = told(name, values[from]);
    for (const [one, kind] of pairs) setKind(kind, i, one.values[one.numbers[from]]);
    if (fresh.raw[from] !== undefined) data.raw[i] = fresh.raw[from];
    countSlot(i);
    versions[i] = (versions[i] ?? 0) + 1;
    nameEnds(text("id", i));
    return i;
  });
}
