// shoal.js: tells a Shoal collector what happens on a page, and shows the offers that come back.
//
// It is served as it stands here: no build step, no dependencies, no cookies, nothing from elsewhere, and it works
// under a strict Content-Security-Policy. What it sends and promises: docs/reference/tracker.md
(function () {
  "use strict";

  const script = document.currentScript || document.querySelector("script[data-write-key]");
  const settings = script ? script.dataset : {};
  const writeKey = settings.writeKey || "";
  const endpoint = (settings.endpoint || new URL(script ? script.src : "", location.href).origin).replace(/\/$/, "");
  const LIBRARY = { name: "shoal.js", version: "0.1.0" };

  const SECOND = 1000;
  const FLUSH_AFTER = 0.3 * SECOND; // what happens so close together goes in one request
  const FIRST_RETRY = SECOND;
  const LONGEST_RETRY = 300 * SECOND;
  const MOST_WAITING = 500; // events; beyond that the oldest go
  const MOST_BYTES = 60_000; // browsers allow 64 KB to be under way when a page goes
  const MOST_AT_ONCE = 100; // events in a request
  const TITLE_AFTER = 50; // a single-page application changes its title a little after its address
  const IDLE_AFTER = 30 * SECOND; // without a move, a key or a touch nobody is taken to be reading
  const HEARTBEATS = [10 * SECOND, 30 * SECOND]; // of attention; from then on twice the one before
  const MOST_ERRORS = 10; // of one page
  const MOST_REMEMBERED = 50; // offers that were shown
  const CONSENT = "Segment Consent Preference Updated";
  const PURPOSES = ["analytics", "personalisation", "email", "ads", "sharing"];

  // What is kept on the device: everything under shoal.*, nothing before the first event, nothing without consent

  function read(key) {
    try {
      return JSON.parse(localStorage.getItem(`shoal.${key}`));
    } catch {
      return null; // forbidden, or written by somebody else
    }
  }

  function keep(key, value) {
    try {
      if (value === null) localStorage.removeItem(`shoal.${key}`);
      else localStorage.setItem(`shoal.${key}`, JSON.stringify(value));
    } catch {
      // Forbidden or full: the page goes on with what it has in memory.
    }
  }

  function keptKeys() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith("shoal.")).map((key) => key.slice(6));
    } catch {
      return [];
    }
  }

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16)); // pages without HTTPS have only this
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  // Who, and what they allow

  const thisPage = uuid().slice(0, 8);
  let anonymousId = read("id");
  let userId = read("user");
  let choices = read("consent") || {};
  let policy; // the version of the policy that they are about
  let isKnown = anonymousId !== null; // the collector may have events of this device
  let state = "open"; // or "held" until analytics is allowed, or "shut" since it was refused

  if (settings.consent === "required" && choices.analytics !== true) state = "held";

  /** Says what the visitor allows: `shoal.consent({analytics: true, email: false})`. The rest stays as it was. */
  function consent(said, { version } = {}) {
    if (version !== undefined) policy = String(version);
    for (const purpose of Object.keys(said)) {
      if (!PURPOSES.includes(purpose)) console.warn(`shoal: "${purpose}" is no purpose; there are ${PURPOSES.join(", ")}`);
    }
    const before = JSON.stringify(choices);
    choices = { ...choices };
    for (const purpose of PURPOSES) if (typeof said[purpose] === "boolean") choices[purpose] = said[purpose];
    if (choices.analytics === false) return refuse();
    const isNew = state === "shut" || (state === "held" && choices.analytics === true);
    if (state === "held" && !isNew) return;
    if (!isNew && JSON.stringify(choices) === before) return;
    const waiting = held;
    held = [];
    state = "open";
    keep("consent", choices);
    if (userId !== null) keep("user", userId);
    enqueue(statement());
    waiting.forEach(enqueue);
    listen();
  }

  function statement() {
    const context = { ...contextOf(page), consent: { categoryPreferences: choices, version: policy } };
    return { ...message("track", { event: CONSENT, properties: {} }), context };
  }

  /** Analytics is refused: a collector that knows this device hears it, once, and nothing stays here. */
  function refuse() {
    adopt();
    held = [];
    queue = queue.filter((each) => each.event === CONSENT);
    if (state === "open" && isKnown) queue.push({ anonymousId, ...statement() });
    state = "shut";
    keptKeys().forEach((key) => keep(key, null));
    anonymousId = userId = null;
    isKnown = false;
    unlisten();
    flush();
  }

  // Events

  const begunAt = new Date().toISOString();
  let hasBegun = false;
  let held = []; // until there is consent, and until the page is read: its view comes first
  let queue = [];

  function message(type, content) {
    const made = { type, messageId: uuid(), timestamp: new Date().toISOString(), context: contextOf(page), ...content };
    if (userId !== null) made.userId = userId;
    return made;
  }

  function contextOf(seen) {
    const context = {
      library: LIBRARY,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
      page: seen ? seen.address : addressNow(),
    };
    const campaign = campaignOf(context.page.search);
    if (campaign) context.campaign = campaign;
    if (navigator.globalPrivacyControl) context.gpc = true; // the header Sec-GPC says it, too
    return context;
  }

  function addressNow() {
    const { pathname: path, search, origin } = location;
    return { path, search, title: document.title, url: origin + path + search, referrer };
  }

  function campaignOf(search) {
    const found = {};
    new URLSearchParams(search).forEach((value, key) => {
      if (key.startsWith("utm_") && value) found[key === "utm_campaign" ? "name" : key.slice(4)] = value;
    });
    return Object.keys(found).length ? found : null;
  }

  function enqueue(made) {
    if (state === "shut") return;
    if (state === "held" || !hasBegun) {
      held.push(anonymousId === null ? made : { anonymousId, ...made });
      held.splice(0, held.length - MOST_WAITING);
      return;
    }
    if (anonymousId === null) {
      keep("id", (anonymousId = uuid()));
      listen();
    }
    made = { anonymousId, ...made };
    queue.push(made);
    document.dispatchEvent(new CustomEvent("shoal:event", { detail: made }));
    queue.splice(0, queue.length - MOST_WAITING);
    wake(FLUSH_AFTER);
  }

  function track(event, properties = {}) {
    enqueue(message("track", { event, properties }));
  }

  // Sending: at least once, each event with an id of its own, so that what comes twice counts once

  const underWay = new Set(); // batches that are not answered yet
  let isGone = false;
  let failures = 0;
  let notBefore = 0;
  let timer = 0;

  function wake(after) {
    if (!timer) timer = setTimeout(flush, Math.max(after, notBefore - Date.now()));
  }

  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (!queue.length || underWay.size) return;
    if (Date.now() < notBefore) wake(0);
    else send(takeFrom(queue, true), false);
  }

  /** As many events from the front as fit; a single one that is larger goes alone, where that is possible. */
  function takeFrom(events, alone) {
    let count = 0;
    let bytes = 200;
    while (count < Math.min(events.length, MOST_AT_ONCE)) {
      bytes += sizeOf(events[count]) + 1;
      if (bytes > MOST_BYTES && (count || !alone)) break;
      count += 1;
    }
    return events.splice(0, count);
  }

  function sizeOf(value) {
    return new Blob([JSON.stringify(value)]).size;
  }

  /** As text, which needs no preflight. With `keepalive` a request lives on when its page goes. */
  function send(batch, keepalive) {
    const body = JSON.stringify({ writeKey, batch, sentAt: new Date().toISOString() });
    underWay.add(batch);
    fetch(`${endpoint}/v1/batch`, { method: "POST", body, keepalive, credentials: "omit" })
      .then(
        async (answer) => {
          if (answer.ok) return arrived();
          if (answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
            console.warn(`shoal: ${batch.length} events were refused: ${answer.status} ${await answer.text()}`);
            return arrived();
          }
          tryAgain(batch, Number(answer.headers.get("Retry-After")) * SECOND || 0);
        },
        () => tryAgain(batch, 0),
      )
      .finally(() => {
        underWay.delete(batch);
        if (queue.length) wake(0);
      });
  }

  function arrived() {
    isKnown = state === "open";
    failures = notBefore = 0;
    keep(`queue.${thisPage}`, null);
  }

  function tryAgain(batch, asked) {
    const pause = Math.min(FIRST_RETRY * 2 ** failures, LONGEST_RETRY) * (0.5 + Math.random() / 2);
    failures += 1;
    notBefore = Date.now() + Math.max(pause, asked);
    queue = batch.concat(queue);
    queue.splice(0, queue.length - MOST_WAITING);
    save();
  }

  /** Keeps what could not be sent for the next page, or for when the network is back. */
  function save() {
    const rest = queue.slice();
    while (rest.length && sizeOf(rest) > 4 * MOST_BYTES) rest.splice(0, Math.ceil(rest.length / 10));
    keep(`queue.${thisPage}`, rest.length ? rest : null);
  }

  /** Takes over what earlier pages could not send. What another open page is sending, too, counts once all the same. */
  function adopt() {
    for (const key of keptKeys().filter((each) => each.startsWith("queue."))) {
      const left = read(key);
      keep(key, null);
      if (Array.isArray(left)) queue.unshift(...left.filter((each) => each && each.messageId));
    }
    if (queue.length) wake(FLUSH_AFTER);
  }

  /** The page may be going: everything leaves now, and what cannot is kept. What is under way ends with the page. */
  function sendBeforeLeaving(isGoing) {
    if (isGoing) for (const batch of underWay) queue = batch.concat(queue);
    if (!queue.length || isGone) return;
    isGone = isGoing; // then it is hidden, too, and has no more to give
    if (navigator.onLine === false || failures) return save();
    const batch = takeFrom(queue, false);
    if (batch.length) send(batch, true);
    save();
  }

  // Pages, and how long and how deep they have attention

  let page = null;
  let referrer = document.referrer;
  let attentiveSince = null;
  let lastSign = 0; // of somebody being there
  let beat = 0;
  let viewing = 0;
  let views = 0;

  /** A page was opened: `shoal.page("Pricing", {plan: "team"})`. Without a name the page's own is taken. */
  function view(name, properties, at) {
    if (name !== null && typeof name === "object") [name, properties] = [undefined, name];
    clearTimeout(viewing);
    viewing = 0;
    leave();
    views += 1;
    const address = addressNow();
    page = { name: name || nameOfPage(), address, engaged: 0, told: 0, pings: 0, scroll: 0, isLeft: false };
    page.forms = new Map();
    page.errors = 0;
    const said = message("page", { name: page.name, properties: { ...address, name: page.name, ...properties } });
    enqueue(at ? { ...said, timestamp: at } : said);
    referrer = address.url; // for what a single-page application opens next
    sign();
  }

  function nameOfPage() {
    const meta = document.querySelector('meta[name="shoal:page"]');
    return (meta && meta.content) || (views === 1 && settings.page) || document.title || location.pathname;
  }

  /** A single-page application has gone elsewhere; unless it calls page() itself at once, this does. */
  function routeChanged() {
    if (settings.pages === "manual" || viewing) return;
    if (page && page.address.path + page.address.search === location.pathname + location.search) return;
    viewing = setTimeout(() => view(), TITLE_AFTER);
  }

  function watchHistory() {
    for (const method of ["pushState", "replaceState"]) {
      const original = history[method];
      history[method] = function (...given) {
        const result = original.apply(this, given);
        routeChanged();
        return result;
      };
    }
    addEventListener("popstate", routeChanged);
  }

  function isSeen() {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  /** Counts the attention since the last look, and goes on counting if there is any. */
  function look() {
    const now = performance.now();
    const until = playing.size ? now : Math.min(now, lastSign + IDLE_AFTER); // watching needs no hands
    if (page && attentiveSince !== null) page.engaged += Math.max(0, until - attentiveSince);
    clearTimeout(beat);
    attentiveSince = page && isSeen() && until === now ? now : null;
    if (attentiveSince !== null) beat = setTimeout(heartbeat, Math.max(1, nextHeartbeat() - page.engaged));
  }

  /** Somebody is there. */
  function sign() {
    const now = performance.now();
    if (attentiveSince !== null && now < lastSign + SECOND) return;
    look();
    lastSign = now;
    if (page) page.isLeft = false;
    look();
  }

  function nextHeartbeat() {
    const last = HEARTBEATS[HEARTBEATS.length - 1];
    return HEARTBEATS.find((each) => each > page.told) || last * 2 ** Math.floor(Math.log2(page.told / last) + 1);
  }

  function heartbeat() {
    look();
    if (page.engaged >= nextHeartbeat()) tellAttention();
    look();
  }

  function tellAttention(leaving) {
    measureScroll();
    const total = Math.round(page.engaged);
    page.pings += 1;
    const properties = {
      name: page.name,
      path: page.address.path,
      engaged_ms: total - page.told, // since the last time, so that sums are right
      total_engaged_ms: total,
      scroll_percent: page.scroll,
      pings: page.pings,
    };
    if (leaving) properties.leaving = true;
    page.told = total;
    track("Page Engaged", properties);
  }

  /** The page is hidden or goes: what attention it had is told now. */
  function tellLeaving() {
    look();
    if (!page || page.isLeft) return;
    page.isLeft = true;
    tellAttention(true);
  }

  function leave() {
    if (!page) return;
    tellLeaving();
    abandonForms();
    exitVideos();
    page = null;
    look();
  }

  function measureScroll() {
    if (!page) return;
    const { scrollHeight } = document.documentElement;
    const deepest = scrollHeight ? Math.round((100 * (scrollY + innerHeight)) / scrollHeight) : 0;
    page.scroll = Math.max(page.scroll, Math.min(100, deepest));
  }

  // Forms: the names of fields, never what stands in them

  function isPrivate(element) {
    return element.closest("[data-private]") !== null;
  }

  function isSecret(field) {
    return field.type === "password" || /password/.test(field.autocomplete || "") || isPrivate(field);
  }

  function nameOf(element) {
    return element.getAttribute("name") || element.id || "";
  }

  function nameOfForm(form) {
    return nameOf(form) || form.getAttribute("aria-label") || "form";
  }

  function formStarted(form) {
    let started = page.forms.get(form);
    if (!started) {
      page.forms.set(form, (started = { name: nameOfForm(form), last: "", fields: new Set() }));
      track("Form Started", { form: started.name });
    }
    return started;
  }

  function fieldFocused({ target: field }) {
    if (!page || !(field instanceof Element) || !field.matches("input, select, textarea") || !field.form) return;
    if (isSecret(field) || /^(submit|button|reset|image|hidden)$/.test(field.type)) return;
    const started = formStarted(field.form);
    const name = nameOf(field) || field.type;
    if (started.last === name) return;
    started.last = name;
    started.fields.add(name);
    track("Form Field Focused", { form: started.name, field: name });
  }

  function formSubmitted({ target: form }) {
    if (!page || !(form instanceof Element) || isPrivate(form)) return;
    const started = formStarted(form);
    page.forms.delete(form);
    track("Form Submitted", { form: started.name, fields: started.fields.size });
  }

  function abandonForms() {
    for (const { name, fields, last } of page.forms.values()) {
      track("Form Abandoned", { form: name, fields: fields.size, last_field: last });
    }
    page.forms.clear();
  }

  // Errors that the visitor meets: alerts on the page, fields that are not valid, scripts that fail

  function errorShown(text, source, more) {
    if (!page || page.errors >= MOST_ERRORS) return;
    const shown = withoutValues(text);
    if (!shown) return;
    page.errors += 1;
    track("Error Shown", { message: shown, source, name: page.name, ...more });
  }

  /** A message without what stands in the fields of the page, addresses and long numbers. */
  function withoutValues(text) {
    let left = String(text);
    for (const { value } of document.querySelectorAll("input, textarea")) {
      if (typeof value === "string" && value.trim().length >= 3) left = left.split(value).join("…");
    }
    left = left.replace(/\S+@\S+/g, "…").replace(/\d[\d\s().-]{5,}\d/g, "…");
    return left.replace(/\s+/g, " ").trim().slice(0, 200);
  }

  const alertTexts = new WeakMap();

  function alertsChanged(records) {
    const found = new Set();
    for (const { target, addedNodes } of records) {
      const around = (target instanceof Element ? target : target.parentElement)?.closest("[role=alert]");
      if (around) found.add(around);
      for (const node of addedNodes) {
        if (!(node instanceof Element)) continue;
        if (node.matches("[role=alert]")) found.add(node);
        node.querySelectorAll("[role=alert]").forEach((each) => found.add(each));
      }
    }
    found.forEach(tellAlert);
  }

  function tellAlert(element) {
    const text = element.getClientRects().length && !isPrivate(element) ? element.innerText.trim() : "";
    if (text && alertTexts.get(element) !== text) errorShown(text, "alert");
    alertTexts.set(element, text);
  }

  function fieldInvalid({ target: field }) {
    if (!(field instanceof Element) || !field.form || isSecret(field)) return;
    const wrong = Object.keys(ValidityState.prototype).find((key) => key !== "valid" && field.validity[key]);
    errorShown(wrong || "invalid", "form", { form: nameOfForm(field.form), field: nameOf(field) || field.type });
  }

  function scriptFailed({ message: text, reason }) {
    const failure = reason === undefined ? text : (reason && reason.message) || reason;
    if (failure && failure !== "Script error.") errorShown(failure, "script");
  }

  // Rage clicks: three clicks within a second on one spot

  let clicks = [];

  function clicked(event) {
    if (!page || !(event.target instanceof Element)) return;
    const { clientX: x, clientY: y, timeStamp: at } = event;
    const goesOn = (last) => last && at - last.at < SECOND && Math.hypot(x - last.x, y - last.y) < 30;
    if (!goesOn(clicks[clicks.length - 1])) clicks = [];
    clicks.push({ x, y, at });
    if (clicks.length === 3 && at - clicks[0].at < SECOND && !isPrivate(event.target)) {
      track("Rage Click", { element: describe(event.target), clicks: 3, name: page.name });
    }
  }

  function describe(element) {
    const pressed = element.closest("a, button, input, select, textarea, label, [role=button]") || element;
    const name = nameOf(pressed);
    return pressed.localName + (name ? `#${name}` : "");
  }

  // Videos: how much of them was really watched

  const playing = new Set();
  const videos = new Map();

  function videoChanged({ type, target: video }) {
    if (!page || !(video instanceof HTMLVideoElement) || isPrivate(video)) return;
    if (video.loop || (video.autoplay && video.muted)) return; // it decorates the page
    if (type === "playing") {
      if (playing.has(video)) return;
      playing.add(video);
      const isFirst = !videos.has(video);
      if (isFirst) videos.set(video, uuid());
      tellVideo(video, isFirst ? "Started" : "Resumed");
      sign();
    } else {
      look();
      playing.delete(video);
      sign();
      if (!videos.has(video)) return;
      if (type === "ended") {
        tellVideo(video, "Completed");
        videos.delete(video);
      } else if (!video.ended && !video.seeking) tellVideo(video, "Paused");
    }
  }

  function tellVideo(video, what) {
    const { played, duration, currentTime } = video;
    let watched = 0;
    for (let part = 0; part < played.length; part += 1) watched += played.end(part) - played.start(part);
    const properties = {
      session_id: videos.get(video),
      content_asset_id: video.dataset.asset || nameOf(video) || video.currentSrc.split(/[?#]/)[0].split("/").pop(),
      position: Math.round(currentTime),
    };
    if (Number.isFinite(duration)) {
      properties.total_length = Math.round(duration);
      properties.watched_percent = Math.min(100, Math.round((100 * watched) / duration));
    }
    track(`Video Playback ${what}`, properties);
  }

  function exitVideos() {
    for (const video of videos.keys()) tellVideo(video, "Exited");
    videos.clear();
    playing.clear();
  }

  // Offers: they come over a stream that is open while somebody looks, and stay until they are known to be shown

  let stream = null;
  let streamFailures = 0;
  let streamTimer = 0;
  let offers = [];
  let box = null;
  let shownHere = [];

  function listen() {
    clearTimeout(streamTimer);
    const isWanted = state === "open" && settings.offers !== "off" && window.EventSource && anonymousId !== null;
    if (stream || !isWanted || document.visibilityState !== "visible") return;
    const query = new URLSearchParams({ writeKey, anonymousId });
    stream = new EventSource(`${endpoint}/v1/stream?${query}`);
    stream.addEventListener("open", () => (streamFailures = 0));
    stream.addEventListener("offer", ({ data }) => received(data));
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return; // it comes back by itself
      unlisten();
      streamTimer = setTimeout(listen, Math.min(FIRST_RETRY * 2 ** streamFailures, LONGEST_RETRY));
      streamFailures += 1;
    });
  }

  function unlisten() {
    clearTimeout(streamTimer);
    if (stream) stream.close();
    stream = null;
  }

  function received(data) {
    const offer = JSON.parse(data);
    if (state !== "open") return;
    const shown = (read("shown") || []).concat(shownHere);
    if (shown.includes(offer.id)) return acknowledge(offer); // the first time was not heard
    if (offers.some((each) => each.id === offer.id)) return;
    offers.push(offer);
    nextOffer();
  }

  function nextOffer() {
    while (!box && offers.length && document.visibilityState === "visible") present(offers.shift());
  }

  function present(offer) {
    shownHere = shownHere.concat(offer.id).slice(-MOST_REMEMBERED);
    keep("shown", (read("shown") || []).concat(offer.id).slice(-MOST_REMEMBERED));
    acknowledge(offer);
    const isOurs = [raise("offer", offer), offer.offer !== "chat" || raise("chat", offer)].every(Boolean);
    if (isOurs && !fillSlot(offer)) box = openBox(offer);
  }

  /** By an id that follows from the offer: however often it is said, it counts once. */
  function acknowledge(offer) {
    enqueue({ ...message("track", { event: "Offer Shown", properties: factsOf(offer) }), messageId: `shown-${offer.id}` });
  }

  function factsOf(offer) {
    return { offer_id: offer.id, trigger: offer.trigger, offer: offer.offer };
  }

  /** Whether the site leaves it to us: raises `shoal:...` on the document. */
  function raise(name, offer) {
    return document.dispatchEvent(new CustomEvent(`shoal:${name}`, { detail: offer, cancelable: true }));
  }

  function fillSlot(offer) {
    const slot = offer.slot && document.querySelector(`[data-shoal-slot="${CSS.escape(offer.slot)}"]`);
    if (!slot) return false;
    slot.replaceChildren(...wordsOf(offer), actionOf(offer, () => {}));
    return true;
  }

  // The box that shows an offer, when the site does not. Whatever comes from the server is text, never markup.

  const STYLE = `
    :host { all: initial; color-scheme: inherit; position: fixed; inset: auto 1rem 1rem auto; z-index: 2147483000; }
    section { box-sizing: border-box; width: min(23rem, calc(100vw - 2rem)); max-height: calc(100vh - 2rem);
      overflow: auto; padding: 1.25rem 1.4rem 1.4rem; border-radius: 14px; color: #1c2430; background: #fff;
      color: light-dark(#1c2430, #e8edf3); background: light-dark(#fff, #1d2631); border: 1px solid #8794a680; box-shadow: 0 12px 40px rgb(20 30 45 / .22); animation: rise .25s ease-out;
      font: 400 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
    h2 { margin: 0 2rem .4rem 0; font-size: 1.15rem; line-height: 1.3; }
    p { margin: 0 0 .8rem; }
    code { display: inline-block; padding: .15rem .6rem; border: 1px dashed #8794a6; border-radius: 6px;
      font: 600 1rem/1.5 ui-monospace, monospace; letter-spacing: .06em; }
    .buttons { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: 1rem; }
    button, a { box-sizing: border-box; min-height: 44px; padding: .55rem 1.1rem; border-radius: 9px; cursor: pointer;
      border: 1px solid #8794a6b0; background: none; color: inherit; font: 600 15px/1.5 system-ui, sans-serif;
      text-decoration: none; }
    .main { border-color: transparent; color: var(--shoal-on-accent, #fff); background: var(--shoal-accent, #0a6b5e); }
    .close { position: absolute; top: .35rem; right: .35rem; min-width: 44px; padding: 0; border: 0;
      font-size: 1.4rem; font-weight: 400; }
    :focus-visible { outline: 3px solid var(--shoal-accent, #0a6b5e); outline-offset: 2px; }
    @keyframes rise { from { transform: translateY(1rem); opacity: 0; } }
    @media (prefers-reduced-motion: reduce) { section { animation: none; } }`;

  function made(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function wordsOf(offer) {
    const words = [];
    if (offer.title) words.push(made("h2", { textContent: offer.title }));
    if (offer.text) words.push(made("p", { textContent: offer.text }));
    if (offer.code) words.push(made("p", {}, made("code", { textContent: offer.code })));
    if (offer.url && !webAddress(offer.url)) words.push(made("p", { textContent: offer.url }));
    return words;
  }

  /** Only pages: `javascript:` and the like are no addresses to go to. */
  function webAddress(text) {
    try {
      const url = new URL(text, location.href);
      return /^https?:$/.test(url.protocol) ? url.href : null;
    } catch {
      return null;
    }
  }

  function actionOf(offer, done) {
    const href = offer.url && webAddress(offer.url);
    const label = offer.button || (offer.offer === "chat" ? "Chat with us" : href ? "Have a look" : "Yes, please");
    const action = made(href ? "a" : "button", { className: "main", textContent: label });
    if (href) Object.assign(action, { href, rel: "noopener" });
    action.addEventListener("click", () => {
      track("Offer Clicked", factsOf(offer));
      raise("offer-clicked", offer);
      done();
    });
    return action;
  }

  function openBox(offer) {
    const host = document.createElement("shoal-offer");
    const root = host.attachShadow({ mode: "open" });
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet]; // unlike a style element, no policy forbids it
    } catch {
      // An old browser: the box is plain.
    }
    const close = (event) => {
      host.remove();
      box = null;
      if (event) track(event, factsOf(offer));
      nextOffer();
    };
    const dismiss = () => close("Offer Dismissed");
    const words = made("div", { role: "status" });
    const later = made("button", { textContent: offer.dismiss || "No, thanks" });
    const cross = made("button", { className: "close", ariaLabel: "Close", textContent: "×" });
    const buttons = made("div", { className: "buttons" }, actionOf(offer, () => close("")), later);
    const section = made("section", { role: "dialog", ariaLabel: offer.title || "Offer" }, words, buttons, cross);
    later.addEventListener("click", dismiss);
    cross.addEventListener("click", dismiss);
    section.addEventListener("keydown", ({ key }) => key === "Escape" && dismiss());
    root.append(section);
    document.body.append(host);
    requestAnimationFrame(() => words.append(...wordsOf(offer))); // a status is read out when it changes
    return host;
  }

  // What the site calls

  /** Says who the visitor is: `shoal.identify("ann", {plan: "team"})`. Later events say it, too. */
  function identify(id, traits) {
    if (id !== null && typeof id === "object") [id, traits] = [undefined, id];
    if (id !== undefined && id !== null && id !== "") {
      userId = String(id);
      if (state === "open") keep("user", userId);
    }
    enqueue(message("identify", { traits: traits || {} }));
  }

  /** The visitor has signed out: from here on it is somebody else, who allows what was allowed on this device. */
  function reset() {
    userId = anonymousId = null;
    isKnown = false;
    unlisten();
    if (state !== "open") return;
    keep("user", null);
    keep("shown", null);
    keep("id", (anonymousId = uuid()));
    if (Object.keys(choices).length) enqueue(statement());
    listen();
  }

  function on(name, heard) {
    document.addEventListener(`shoal:${name}`, (event) => {
      if (heard(event.detail, event) === false) event.preventDefault();
    });
  }

  const api = {
    track,
    identify,
    page: (name, properties) => view(name, properties),
    consent,
    reset,
    on,
    anonymousId: () => anonymousId,
  };

  // Beginning

  function watch() {
    for (const sign_ of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) {
      addEventListener(sign_, sign, { passive: true, capture: true });
    }
    addEventListener("scroll", () => (measureScroll(), sign()), { passive: true, capture: true });
    addEventListener("resize", measureScroll, { passive: true });
    addEventListener("focus", sign);
    addEventListener("blur", look);
    addEventListener("focusin", fieldFocused, true);
    addEventListener("submit", formSubmitted, true);
    addEventListener("invalid", fieldInvalid, true);
    addEventListener("error", (event) => event instanceof ErrorEvent && scriptFailed(event));
    addEventListener("unhandledrejection", scriptFailed);
    addEventListener("click", clicked, true);
    for (const change of ["playing", "pause", "ended"]) document.addEventListener(change, videoChanged, true);
    const seen = { subtree: true, childList: true, characterData: true, attributeFilter: ["hidden", "class", "role"] };
    new MutationObserver(alertsChanged).observe(document.documentElement, seen);
    document.addEventListener("visibilitychange", visibilityChanged);
    addEventListener("pagehide", () => (leave(), sendBeforeLeaving(true), unlisten()));
    addEventListener("pageshow", ({ persisted }) => persisted && ((isGone = false), view(), listen()));
    addEventListener("online", () => ((notBefore = 0), flush()));
    addEventListener("storage", otherPageChanged);
    watchHistory();
  }

  function visibilityChanged() {
    if (document.visibilityState === "visible") {
      sign();
      listen();
      nextOffer();
    } else {
      tellLeaving();
      sendBeforeLeaving(false);
      unlisten();
    }
  }

  /** What was refused, allowed or reset on another page of the site holds here, too. */
  function otherPageChanged({ key, newValue }) {
    if (key === "shoal.id" || key === null) {
      if (!newValue && state === "open") {
        held = queue = [];
        state = "shut";
        unlisten();
      } else if (newValue && newValue !== JSON.stringify(anonymousId)) {
        anonymousId = read("id");
        unlisten();
        listen();
      }
    } else if (key === "shoal.consent" && newValue) consent(JSON.parse(newValue));
    else if (key === "shoal.user") userId = read("user");
  }

  function start() {
    hasBegun = true;
    adopt();
    watch();
    const waiting = held;
    held = [];
    if (settings.pages !== "manual" && !page) view(undefined, {}, begunAt);
    waiting.forEach(enqueue);
    document.querySelectorAll("[role=alert]").forEach(tellAlert);
    listen();
  }

  if (!writeKey) {
    console.error("shoal: the script tag needs data-write-key");
    return;
  }
  const called = Array.isArray(window.shoal) ? window.shoal : [];
  window.shoal = Object.freeze(api);
  called.forEach(([method, ...given]) => api[method] && api[method](...given));
  // What the page itself says while it loads, such as a refusal, comes before anything is sent.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start, { once: true });
  else setTimeout(start, 0);
})();
