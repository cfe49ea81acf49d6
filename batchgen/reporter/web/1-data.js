// What the page knows, as the report wrote it; texts are stored once and meant by number.
const data = JSON.parse(document.getElementById("data").textContent);
const { columns, kinds, texts } = data;
const byId = (id) => document.getElementById(id);

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
const small = (i) => (columns.thumb[i] ? `thumbs/${encodeURIComponent(columns.sha256[i])}.webp` : columns.href[i]);
const alt = (i) => `${text("id", i)}, image ${columns.slot[i]}`;
