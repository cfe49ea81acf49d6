// What the page knows, as the report wrote it or the viewer sends it; texts are stored once and meant by number.
const byId = (id) => document.getElementById(id);
const live = "live" in document.documentElement.dataset;
const data = live ? await (await fetch("/data.json")).json() : JSON.parse(byId("data").textContent);
const { columns, kinds, texts } = data;

const all = Array.from({ length: data.count }, (_, i) => i);

const text = (name, i) => texts[columns[name][i]];
const valueOf = (kind, i) => kind.values[kind.numbers[i]];
const stateOf = (i) => valueOf(kinds[0], i);
const reviewable = (i) => stateOf(i) === "stored" && columns.sha256[i] !== "";
const plain = (name) => name.replaceAll("_", " ");
const count = (number) => number.toLocaleString("en-US");
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

// Dollars without rounding and with at least two decimals, from whole micro-dollars.
function dollars(micro) {
  const fraction = String(micro % 1e6).padStart(6, "0").replace(/0{1,4}$/, "");
  return `$${count(Math.floor(micro / 1e6))}.${fraction}`;
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

// The small copy; where there is none yet, the image itself; nothing for what a browser should not open.
const small = (i) => {
  if (live) return columns.href[i].replace("/image/", "/thumb/");
  return columns.thumb[i] ? `thumbs/${encodeURIComponent(columns.sha256[i])}.webp` : columns.href[i];
};
const alt = (i) => `${text("id", i)}, image ${columns.slot[i]}`;

// Rows that are new or have changed, as an object like `data`: each takes the place of the image with its key and slot.
const slotOf = (from, i) => `${from.texts[from.columns.key[i]]}/${from.columns.slot[i]}`;
const places = new Map(Array.from({ length: data.count }, (_, i) => [slotOf(data, i), i]));
const numbers = new Map(texts.map((words, number) => [words, number]));

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
  return Array.from({ length: fresh.count }, (_, from) => {
    const slot = slotOf(fresh, from);
    if (!places.has(slot)) {
      places.set(slot, data.count);
      for (const kind of kinds) setKind(kind, data.count, "");
      all.push(data.count);
      data.count += 1;
    }
    const i = places.get(slot);
    for (const [name, values] of Object.entries(fresh.columns)) {
      columns[name][i] = worded.has(name) ? numberOf(fresh.texts[values[from]]) : values[from];
    }
    for (const [one, kind] of pairs) setKind(kind, i, one.values[one.numbers[from]]);
    if (fresh.raw[from] !== undefined) data.raw[i] = fresh.raw[from];
    return i;
  });
}
