// The page while a viewer serves it: images arrive, decisions go into the ledger at once, the run is seen and steered.
{
const trouble = (words) => {
  byId("live-trouble").textContent = words;
  byId("live-trouble").hidden = !words;
};

async function post(path, value) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
  const told = await answer.json().catch(() => ({ error: `the viewer answered ${answer.status}` }));
  if (told.error) throw new Error(told.error);
  return told;
}

// Hand decisions on; those that the ledger did not take are taken back here.
sink.decide = async (decisions) => {
  const images = decisions.map((one) => places.get(`${one.key}/${one.slot}`));
  try {
    const { left_out: whys } = await post("/api/decisions", { decisions });
    const refused = images.filter((_, at) => whys[at]);
    trouble(refused.length ? `${alt(refused[0])}: ${whys.find(Boolean)}` : "");
    if (refused.length) page.refuse(refused);
  } catch (error) {
    trouble(`The viewer did not take it: ${error.message}. Is batchgen view still at work?`);
    page.refuse(images);
  }
};

sink.zip = async (images) => {
  try {
    const numbers = images.map((i) => columns.number[i]).filter((number) => number >= 0);
    location.assign((await post("/api/zip", { images: numbers })).address);
  } catch (error) {
    trouble(`There is no ZIP: ${error.message}.`);
  }
};

// The run at work.
const controlOf = (name) => document.querySelector(`#live [data-control="${name}"]`);
const ENDED = ["ended", ""];
const minutes = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);
const since = (at) => (Date.now() - Date.parse(at)) / 1000;

function factsOf(now) {
  const rates = Object.entries(now.rates ?? {}).map(([kind, { used, limit }]) => `${count(used)} of the ${count(limit)} ${kind} allowed a minute`);
  const cap = now.cap_micro_usd;
  const all = now.projected_micro_usd ?? null;
  const troubles = (now.troubles ?? []).map(({ code, calls, next }) => ["warn", `${counted(calls, "call")}: ${plain(code)} (${next})`]);
  return [
    [cap !== null && now.spent_micro_usd > 0.8 * cap ? "warn" : "good", `${rounded(now.spent_micro_usd)}${cap === null ? "" : ` of ${rounded(cap)}`} spent`],
    all !== null && ["calm", `about ${rounded(all)} in all`],
    now.images_per_minute > 0 && ["calm", `${Math.round(now.images_per_minute)} images a minute`],
    ...rates.map((words) => ["calm", words]),
    ["calm", `${count(now.in_flight ?? 0)} under way`],
    now.retries > 0 && ["calm", counted(now.retries, "retry").replace("retrys", "retries")],
    ...troubles,
  ].filter(Boolean);
}

// The sums above the page, as the ledger has them now; what asks for a look has its tone.
const ASKS = { moderated: "warn", failed: "bad", estimated: "accent", at_risk: "warn" };
function figures(now) {
  const sums = { ...now.images, ...Object.fromEntries(Object.entries(now.money ?? {}).map(([name, micro]) => [name.replace("_micro_usd", ""), micro])) };
  for (const element of document.querySelectorAll("[data-figure]")) {
    const value = sums[element.dataset.figure];
    if (value === undefined) continue;
    const isMoney = "microUsd" in element.dataset;
    const tone = ASKS[element.dataset.figure];
    if (tone) element.parentElement.className = value ? tone : "calm";
    if (isMoney) Object.assign(element.dataset, { microUsd: value });
    if (isMoney) element.title = `${dollars(value)} exactly`;
    element.textContent = isMoney ? rounded(value) : count(value);
  }
}

function showRun(now) {
  const alive = now.state && now.exit_code === undefined && !ENDED.includes(now.state) && since(now.at) < 90;
  byId("live").hidden = !alive;
  figures(now);
  if (sink.redraws !== (alive && now.takes_redraws === true)) {
    sink.redraws = !sink.redraws;
    byId("again-said").textContent = "";
    showReview();
  }
  if (!alive) return;
  const { images_stored: stored, images_wanted: wanted } = now;
  byId("live").dataset.state = now.state;
  byId("live-state").textContent = now.state;
  byId("live-line").textContent = `${count(stored)} of ${counted(wanted, "image")}`;
  byId("live-end").textContent = now.eta_seconds && !now.paused ? `about ${minutes(now.eta_seconds)} left` : "";
  byId("live-done").setAttribute("width", wanted ? Math.round((1000 * stored) / wanted) : 0);
  byId("live-facts").replaceChildren(...factsOf(now).map(([tone, words]) => h("li", { class: tone }, words)));
  byId("live-waiting").replaceChildren(
    ...(now.waiting ?? []).map(({ code, why, next }) => h("li", { "data-waits": code }, h("b", {}, plain(code)), code === "pause" ? ` ${why}` : ` ${why}. Next: ${next}`)));
  steer(now);
}

function steer(now) {
  const ending = now.state === "draining";
  controlOf("pause").hidden = now.paused;
  controlOf("resume").hidden = !now.paused;
  for (const button of document.querySelectorAll("#live [data-control]")) button.disabled = ending;
  const [calls, limit] = [controlOf("concurrency"), controlOf("max_cost")];
  calls.max = now.most_concurrency ?? "";
  limit.title = now.highest_cap_micro_usd == null ? "What this run may cost" : `At most ${dollars(now.highest_cap_micro_usd)} from here`;
  limit.placeholder = now.cap_micro_usd === null ? "none" : "";
  if (document.activeElement !== calls) calls.value = now.concurrency ?? "";
  if (document.activeElement !== limit) limit.value = now.cap_micro_usd === null ? "" : now.cap_micro_usd / 1e6;
}

async function tell(order, said = byId("live-said")) {
  said.textContent = "…";
  try {
    const { taken, why } = await post("/api/control", order);
    said.textContent = taken ? why : `Not done: ${why}`;
  } catch (error) {
    said.textContent = `Not done: ${error.message}`;
  }
}

byId("again-draw").addEventListener("click", async ({ target }) => {
  target.disabled = true; // one click, one order
  await tell({ do: "redraw" }, byId("again-said"));
  target.disabled = false;
});

byId("live").addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-control]");
  if (button) tell({ do: button.dataset.control });
});
controlOf("concurrency").addEventListener("change", ({ target }) => tell({ do: "set", concurrency: Number(target.value) }));
controlOf("max_cost").addEventListener("change", ({ target }) => tell({ do: "set", max_cost: target.value }));

for (const panel of ["money", "charts", "details"].map(byId).filter(Boolean)) {
  const words = `As of ${new Date(data.as_of).toLocaleTimeString()}; the sums above are as of now.`;
  panel.prepend(h("p", { class: "note as-of" }, words, h("button", { type: "button", class: "small", onclick: () => location.reload() }, "Load again")));
}

const stream = new EventSource(`/events?since=${encodeURIComponent(data.as_of)}`);
stream.addEventListener("images", (event) => page.addRows(JSON.parse(event.data)));
stream.addEventListener("progress", (event) => showRun(JSON.parse(event.data)));
stream.addEventListener("open", () => trouble(""));
stream.addEventListener("error", () => trouble("The viewer is gone: what is shown stands still. Start batchgen view again."));
}
