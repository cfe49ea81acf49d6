"""`doctor`: key, model, life span, limits, disk, clock and dialect of a provider, without spending anything."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from batchgen import catalog
from batchgen.app.config.environment import Secret, authorities, environment, proxies_in
from batchgen.app.config.lanes import LaneConfig, access_to, address_of
from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.config.stores import bucket_of, store_of
from batchgen.app.notify import delivery
from batchgen.errors import BatchgenError, Exit
from batchgen.executor.probe import Reply, ask
from batchgen.executor.proxies import Proxies
from batchgen.model import Cause, Notify, Operation, Provider, Settings
from batchgen.providers.dialect import Dialect
from batchgen.providers.dialects import dialect
from batchgen.runtime.clock import Clock, SystemClock
from batchgen.storage import Workspace
from batchgen.text import counted, safe, size_of

OK, WARN, BAD = "ok", "warn", "bad"
LITTLE_DISK = 1_000_000_000
MOST_SKEW = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `level` is ok, warn or bad; `exit` is what a bad one leads to."""

    name: str
    level: str
    text: str
    exit: Exit = Exit.OK


def examine(
    name: str | None = None,
    base_url: str | None = None,
    clock: Clock | None = None,
    store: str | None = None,
    manifest: Path | None = None,
) -> Iterator[Finding]:
    """Look at everything that can be looked at for free, one finding after the other.

    With a manifest, each of its providers is asked, and its store is tried.
    """
    clock = clock or SystemClock()
    variables = environment()
    project = manifest and open_project(manifest, Options(provider=name, base_url=base_url, store=store))
    lanes = project.lanes if project else (_named(name or "openai", base_url, variables),)
    yield _disk()
    if store := project.store if project else store:
        yield _store(store, variables)
    yield from _notify(variables)
    yield from _authorities(variables)
    for lane in lanes:
        for finding in _examined(lane, variables, clock):
            yield finding if len(lanes) == 1 else replace(finding, text=f"{lane.name}: {finding.text}")


def _named(name: str, base_url: str | None, variables: Mapping[str, str]) -> LaneConfig:
    return LaneConfig(catalog.provider(name, address_of(name, base_url, variables)), Settings("doctor"))


def _examined(lane: LaneConfig, variables: Mapping[str, str], clock: Clock) -> Iterator[Finding]:
    """Look at one provider."""
    provider = lane.provider
    if provider.embedded and not provider.base_url:
        yield Finding("provider", OK, f"{provider.name} is embedded: no key, no network, no cost")
        return
    yield Finding("address", OK if provider.base_url else BAD, provider.base_url or "none: give --base-url", Exit.INPUT)
    try:
        access = access_to(lane, variables)
        proxies = proxies_in(variables)
    except BatchgenError as error:
        yield Finding("key", BAD, str(error), error.exit)
        return
    yield from (Finding("note", OK, note) for note in provider.notes)
    if provider.task:
        yield Finding("tasks", OK, provider.task.words)
    yield Finding("key", OK, f"{provider.key_variable or 'none needed'}{' is set' if access.key else ''}")
    if provider.base_url:
        yield from _proxy(provider, proxies)
        yield from _online(provider, access.key, access.headers, clock, proxies)


def _proxy(provider: Provider, proxies: Proxies) -> Iterator[Finding]:
    """Say which proxy leads to the provider; nothing where none is set."""
    if proxies.address:
        goes = proxies.leads_to(provider.base_url or "")
        told = f"{proxies.address}, in a tunnel" if goes else f"{proxies.address} is set, and not used for this address"
        yield Finding("proxy", OK, told)


def _online(
    provider: Provider, key: Secret | None, own: Mapping[str, Secret], clock: Clock, proxies: Proxies
) -> Iterator[Finding]:
    revealed = key.reveal() if key else None
    speech = dialect(provider, provider.default_model)
    given = {name: secret.reveal() for name, secret in own.items()}
    headers, secrets = given | speech.authorization(provider, revealed), (revealed or "", *given.values())
    reply = asyncio.run(ask(speech.models_url(provider), headers, secrets, proxies=proxies))
    yield _accepted(reply)
    if reply.status is None:
        return
    yield _clock(reply, clock.now())
    yield from _model(provider, speech.probe.names(reply.body), clock.now())
    yield _limits(provider, reply)
    if reply.status not in {401, 403}:
        url = speech.url(provider, Operation.GENERATE, provider.default_model)
        path = url.removeprefix(provider.base_url or "").partition("?")[0]
        found = _dialect(speech, path, asyncio.run(ask(url, headers, secrets, {}, proxies)))
        if not reply.cause or found != _accepted(reply):  # what answers there in the API's place was told above
            yield found


def _disk() -> Finding:
    free = Workspace(Path()).free_bytes()
    return Finding("disk", WARN if free < LITTLE_DISK else OK, f"{size_of(free)} free here")


def _store(address: str, variables: Mapping[str, str]) -> Finding:
    """Whether a store takes, gives and removes an object, and honours conditions."""
    try:
        if address.startswith("file:"):
            store_of(Path(), address, variables).ready()
            return Finding("store", OK, f"{address} can be written to")
        honours = bucket_of(address, variables).try_out()
    except BatchgenError as error:
        return Finding("store", BAD, safe(error, 300), error.exit)
    if honours:
        return Finding("store", OK, f"{address} takes, gives and removes an object, and honours conditions")
    return Finding("store", WARN, f"{address} works, but does not honour conditions: each name is looked at before")


def _authorities(variables: Mapping[str, str]) -> Iterator[Finding]:
    """Whether further certificate authorities can be read, where some are named."""
    for name, value, problem in authorities(variables):
        if problem:
            yield Finding("certificates", BAD, problem, Exit.INPUT)
        else:
            yield Finding("certificates", OK, f"authorities in {safe(value, 200)} are trusted ({name})")


def _notify(variables: Mapping[str, str]) -> Iterator[Finding]:
    """Whether those can be told who shall be told how a run ended; silent where nobody shall."""
    who = delivery.recipients(Notify(), variables)
    wrong = tuple(delivery.problems(Notify(), variables, None))
    yield from (Finding("notify", BAD, problem.message, Exit.INPUT) for problem in wrong)
    if not wrong and who != delivery.Recipients():
        beat = " and a heartbeat" if who.heartbeat else ""
        yield Finding("notify", OK, f"{counted(len(who.urls), 'address', 'addresses')}{beat}; nothing was sent")


_EXITS = {
    Exit.ACCOUNT: {
        *(Cause.UNTRUSTED, Cause.EXPIRED, Cause.EARLY, Cause.OTHER_HOST, Cause.PROTOCOL, Cause.NO_TLS, Cause.BLOCKED)
    },
    Exit.INPUT: {*(Cause.WEB_PAGE, Cause.NO_ENDPOINT, Cause.REDIRECT, Cause.PORTAL, Cause.PROXY_REFUSED)},
}
"""What a run ends with for what is wrong on the way; every other cause makes the provider unavailable."""


def _on_the_way(reply: Reply) -> Finding:
    """Name what is wrong between here and the provider, and what to do."""
    cause = reply.cause
    exit_ = next((status for status, causes in _EXITS.items() if cause in causes), Exit.UNAVAILABLE)
    said = f" ({safe(reply.trouble, 200)})" if reply.trouble else ""
    return Finding("network", BAD, f"{cause.what}; {cause.advice}{said}", exit_)


def _accepted(reply: Reply) -> Finding:
    # A provider may have no list of models, as its page for no such path says.
    if reply.cause and reply.cause is not Cause.NO_ENDPOINT:
        return _on_the_way(reply)
    match reply.status:
        case None:
            return Finding("network", BAD, f"no answer: {safe(reply.trouble)}", Exit.UNAVAILABLE)
        case 401 | 403:
            return Finding("key accepted", BAD, f"refused with HTTP {reply.status}: look at the key", Exit.ACCOUNT)
        case status if status >= 500:
            return Finding("network", BAD, f"the provider answers HTTP {status}", Exit.UNAVAILABLE)
        case 200:
            return Finding("key accepted", OK, "yes")
        case status:
            return Finding("key accepted", WARN, f"unknown: the list of models answers HTTP {status}")


def _clock(reply: Reply, now: datetime) -> Finding:
    try:
        skew = (now - parsedate_to_datetime(reply.headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return Finding("clock", OK, "the provider does not tell the time")
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the provider's"
    return Finding("clock", WARN if abs(skew) > MOST_SKEW else OK, text)


def _model(provider: Provider, entries: Mapping[str, Mapping[str, object]], now: datetime) -> Iterator[Finding]:
    """Whether the default model is on the list, and how long it will live."""
    name = provider.default_model
    if not entries:
        yield Finding("model", WARN, f"the provider lists no models, so {name} cannot be checked")
    elif name not in entries:
        seen = ", ".join(sorted(safe(e, 40) for e in entries if "image" in e)[:8])
        yield Finding("model", WARN, f"{name} is not on the list{f' (there are {seen})' if seen else ''}")
    else:
        yield Finding("model", OK, f"{name} is visible")
        if end := entries[name].get("shutdown_date"):
            yield Finding("model", WARN, f"{name} will be shut down on {safe(end, 40)}")
    model = catalog.find_model(name)
    for text in catalog.warnings_for(model, now.date()) if model else ():
        yield Finding("life span", WARN, text)


def _limits(provider: Provider, reply: Reply) -> Finding:
    seen = {
        k.removeprefix("x-ratelimit-limit-"): v for k, v in reply.headers.items() if k.startswith("x-ratelimit-limit-")
    }
    stated = {k.replace("_", " "): str(v) for k, v in provider.limits}
    if seen:
        return Finding("limits", OK, "seen: " + ", ".join(f"{safe(v, 20)} {safe(k, 30)}" for k, v in seen.items()))
    if stated:
        return Finding("limits", OK, "stated by the provider: " + ", ".join(f"{v} {k}" for k, v in stated.items()))
    return Finding("limits", OK, "none seen; set them under limits: in the manifest")


def _dialect(speech: Dialect, path: str, reply: Reply) -> Finding:
    """Send an empty request, which draws nothing; how it is refused tells who answers."""
    if reply.status in {400, 422} and speech.probe.refused(reply.body):
        return Finding("dialect", OK, f"answers like {speech.title}")
    if reply.status == 404:
        return Finding("dialect", BAD, f"no {path.lstrip('/')} below this address: check --base-url", Exit.INPUT)
    if reply.cause:
        return _on_the_way(reply)
    said = f"HTTP {reply.status}" if reply.status else safe(reply.trouble)
    return Finding("dialect", WARN, f"an empty request was answered with {said}, not like {speech.title}")
