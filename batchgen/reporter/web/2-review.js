// Decisions of a person. The static page keeps them in this browser, under the page's address, until a file takes them
// to the ledger; the live one hands them on. A decision of "" says that there is none any more.
const DECISIONS = ["", "approved", "rejected"];
const sink = { decide: () => review.write() };

const review = (() => {
  const place = `batchgen-review:${location.pathname}`;
  const identity = (i) => `${text("key", i)}/${columns.slot[i]}/${columns.sha256[i].slice(0, 16)}`;
  const started = (i) => ({ decision: DECISIONS[columns.review[i]], note: text("note", i) });
  const same = (one, other) => one.decision === other.decision && one.note === other.note;
  let keeps = true;
  let own = new Map();
  own = read();

  function read() {
    if (live) return own;
    try {
      return new Map(Object.entries(JSON.parse(localStorage.getItem(place) ?? "{}")));
    } catch {
      keeps = false;
      return new Map();
    }
  }

  function write() {
    try {
      localStorage.setItem(place, JSON.stringify(Object.fromEntries(own)));
    } catch {
      keeps = false;
    }
  }

  // What a later report says of an exported decision counts; what it agrees with need not be kept.
  function settle(images) {
    const written = Date.parse(document.lastModified);
    for (const i of images) {
      const mine = own.get(identity(i));
      const ledger = started(i);
      if (mine && (same(mine, ledger) || (mine.exported && ledger.decision && written > mine.exported))) {
        own.delete(identity(i));
      }
    }
  }

  const review = {
    place,
    write,
    settle,
    of: (i) => own.get(identity(i)) ?? started(i),
    mine: (i) => own.get(identity(i)),
    // Without a word of one's own the ledger's counts again; only the live page can take that back, too.
    none: (i) => (live ? { decision: "", note: review.of(i).note } : started(i)),
    put(entries) {
      if (keeps) own = read(); // another window may have decided meanwhile
      for (const [i, { decision, note }] of entries) {
        if (same({ decision, note }, started(i))) own.delete(identity(i));
        else own.set(identity(i), { decision, note, exported: 0 });
      }
      sink.decide(entries.map(([i]) => decisionOf(i)));
    },
    // What could not be kept elsewhere is not so.
    forget(images) {
      for (const i of images) own.delete(identity(i));
    },
    keeps: () => keeps,
    reread: () => { own = read(); },
    exported(images) {
      for (const i of images) own.set(identity(i), { ...own.get(identity(i)), exported: Date.now() });
      write();
    },
  };
  return review;
})();
review.settle(all);

const decisionOf = (i) => ({
  job: data.raw[i] ?? text("id", i),
  key: text("key", i),
  slot: columns.slot[i],
  sha256: columns.sha256[i],
  decision: review.of(i).decision,
  note: review.of(i).note,
});

// What was decided, the latest last: each entry has the images with what was said of them before.
const past = [];

function say(entries) {
  if (!entries.length) return;
  past.push(entries.map(([i]) => [i, review.of(i)]));
  review.put(entries);
  decisionsChanged(entries.map(([i]) => i));
}

function takeBack() {
  const entries = past.pop() ?? [];
  review.put(entries);
  decisionsChanged(entries.map(([i]) => i));
  return entries;
}

const decided = () => all.filter((i) => review.mine(i)?.decision);

function exportReview() {
  const images = decided();
  const decisions = images.map(decisionOf);
  const whole = { batchgen_review: 1, output: data.output, decisions };
  const file = new Blob([`${JSON.stringify(whole, null, 1)}\n`], { type: "application/json" });
  const address = URL.createObjectURL(file);
  h("a", { href: address, download: "review.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  review.exported(images);
  showReview();
}

function showReview() {
  const tally = { approved: 0, rejected: 0, "": 0 };
  let fresh = 0;
  let waiting = 0;
  for (const i of all.filter(reviewable)) {
    tally[review.of(i).decision] += 1;
    const mine = review.mine(i);
    if (mine?.decision && !mine.exported) fresh += 1;
    if (mine?.note && !mine.decision) waiting += 1;
  }
  const notes = [
    waiting && `${counted(waiting, "note")} without a decision ${waiting === 1 ? "stays" : "stay"} here.`,
    !review.keeps() && "This browser does not keep decisions: export before you close the page.",
    !fresh && decided().length > 0 && "Exported. Next: batchgen review review.json",
  ];
  byId("tally").textContent =
    `${count(tally.approved)} approved · ${count(tally.rejected)} rejected · ${count(tally[""])} undecided`;
  byId("review-note").textContent = live ? "" : notes.filter(Boolean).join(" ");
  byId("export").hidden = live;
  byId("export").disabled = decided().length === 0;
  byId("export").textContent = fresh ? `Export review (${count(fresh)})` : "Export review";
}
