// The page while a viewer serves it: images arrive, decisions go into the ledger at once.
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

const stream = new EventSource(`/events?since=${encodeURIComponent(data.as_of)}`);
stream.addEventListener("images", (event) => page.addRows(JSON.parse(event.data)));
stream.addEventListener("open", () => trouble(""));
stream.addEventListener("error", () => trouble("The viewer is gone: what is shown stands still. Start batchgen view again."));
