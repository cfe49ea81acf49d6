// Decisions of a person. The static page keeps them in this browser, under the page's address, until a file takes them
// to the ledger; the live one hands them on. A decision of "" says that there is none any more.
const DECISIONS = ["", "approved", "rejected"];
const sink = { decide: () => review.write(), redraws: false };

const review = (() => {
  const place = `batchgen-review:${location.pathname}`;
  const identity = (i) => `${text("key", i)}/${columns.slot[i]}/${columns.sha256[i].slice(0, 16)}`;
  const started = (i) => ({ decision: DECISIONS[columns.review[i]], note: text("note", i) });
  const same = (one, other) => one.decision === other.decision && one.note === other.note;
  let keeps = true;
  let own = new Map();

  function read() {
    if (live) return;
    try {
      own = new Map(Object.entries(JSON.parse(localStorage.getItem(place) ?? "{}")));
    } catch {
      keeps = false;
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

  function put(entries) {
    if (keeps) read(); // another window may have decided meanwhile
    for (const [i, { decision, note }] of entries) {
      if (same({ decision, note }, started(i))) own.delete(identity(i));
      else own.set(identity(i), { decision, note, exported: 0 });
    }
    sink.decide(entries.map(([i]) => decisionOf(i)));
  }

  read();
  settle(all);
  return {
    place, read, write, settle, put,
    of: (i) => own.get(identity(i)) ?? started(i),
    mine: (i) => own.get(identity(i)),
    // Without a word of one's own the ledger's counts again; only the live page can take that back, too.
    none: (i) => (live ? { decision: "", note: review.of(i).note } : started(i)),
    // What could not be kept elsewhere is not so.
    forget(images) {
      for (const i of images) own.delete(identity(i));
    },
    keeps: () => keeps,
    exported(images) {
      for (const i of images) own.set(identity(i), { ...own.get(identity(i)), exported: Date.now() });
      write();
    },
  };
})();

const decisionOf = (i) => ({
  job: jobOf(i),
  key: text("key", i),
  slot: columns.slot[i],
  sha256: columns.sha256[i],
  decision: review.of(i).decision,
  note: review.of(i).note,
});

// What was decided, the latest last: each entry has the images with what was said of them before.
const past = [];

function say(entries) {
  past.push(entries.map(([i]) => [i, review.of(i)]));
  review.put(entries);
  decisionsChanged(entries.map(([i]) => i));
}

// Gives the images about which nothing is said any more, or what was said before.
function takeBack() {
  const i = sheet.order[current()];
  const entries = past.pop() ?? (i !== undefined && review.mine(i) ? [[i, review.none(i)]] : []);
  if (!entries.length) return [];
  review.put(entries);
  decisionsChanged(entries.map(([each]) => each));
  return entries.map(([each]) => each);
}

const decided = () => all.filter((i) => review.mine(i)?.decision);

function exportReview() {
  const images = decided();
  const whole = { batchgen_review: 1, output: data.output, decisions: images.map(decisionOf) };
  const file = new Blob([`${JSON.stringify(whole, null, 1)}\n`], { type: "application/json" });
  const address = URL.createObjectURL(file);
  h("a", { href: address, download: "review.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  review.exported(images);
  showReview();
}

const shownNow = () => sheet.groups.flatMap((group) => group.images);

function showReview() {
  const tally = { approved: 0, rejected: 0, "": 0 };
  const rejected = [];
  let fresh = 0;
  let waiting = 0;
  for (const i of all) {
    if (!reviewable(i)) continue;
    const { decision } = review.of(i);
    tally[decision] += 1;
    if (decision === "rejected") rejected.push(i);
    const mine = review.mine(i);
    if (mine?.decision && !mine.exported) fresh += 1;
    if (mine?.note && !mine.decision) waiting += 1;
  }
  const notes = [
    waiting && `${counted(waiting, "note")} without a decision ${waiting === 1 ? "stays" : "stay"} here.`,
    !review.keeps() && "This browser does not keep decisions: export before you close the page.",
    !fresh && decided().length > 0 && `Exported. Next: ${data.commands.review}`,
  ];
  const open = shownNow().filter(reviewable).length;
  byId("tally").textContent =
    `${count(tally.approved)} approved · ${count(tally.rejected)} rejected · ${count(tally[""])} undecided`;
  byId("review-note").textContent = live ? "" : notes.filter(Boolean).join(" ");
  byId("export").hidden = live;
  byId("export").disabled = decided().length === 0;
  byId("export").textContent = fresh ? `Export review (${count(fresh)})` : "Export review";
  for (const [name, words] of [["approve-all", "Approve"], ["reject-all", "Reject"]]) {
    const button = document.querySelector(`[data-control="${name}"]`);
    button.textContent = `${words} all ${count(open)}`;
    button.title = `${words} the ${counted(open, "image")} that ${open === 1 ? "is" : "are"} shown. u takes it back.`;
    button.disabled = open === 0;
  }
  showRejected(rejected);
}

// What is rejected, what drawing it again will cost, and how that is done: by the run at work, or by a command.
function showRejected(images) {
  const cost = images.reduce((sum, i) => sum + columns.cost[i], 0);
  const about = `about ${cost < 1e4 ? rounded(cost) : `$${(cost / 1e6).toFixed(2)}`}`;
  const them = images.length === 1 ? "it" : "them";
  byId("again").hidden = images.length === 0;
  byId("again-words").textContent =
    `${counted(images.length, "image")} rejected. ${sink.redraws ? `The run at work draws ${them} again, within its limits.` : `Drawing ${them} again costs ${about}, as the first time.`}`;
  byId("again-words").title = `${dollars(cost)} was paid for ${them}`;
  byId("again-draw").hidden = !sink.redraws;
  byId("again-draw").textContent = `Draw ${count(images.length)} again for ${about}`;
  byId("again-command").hidden = sink.redraws;
  byId("again-command").textContent = (live ? [] : [data.commands.review]).concat(data.commands.again).join("\n");
}
