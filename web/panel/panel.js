// The panel: wires what is shown to the API and the live journal. State comes from there and from nowhere else.

import { Alarms } from "./alarms.js";
import * as api from "./api.js";
import { byId, element, setText } from "./elements.js";
import { Entities } from "./entities.js";
import { Journal } from "./journal.js";
import { follow } from "./live.js";
import { Completing, Examples } from "./say.js";
import { loopName, loopState } from "./sentences.js";
import { Talk } from "./talk.js";
import { ApplianceClock, clockTime } from "./time.js";

const TURNS = 20;
const EVENTS = 100;
const STATUS_EVERY_MS = 30000;
const RETRY_MS = 2000;
const HEALTH_KINDS = new Set(["loop_changed", "loop_crashed", "appliance_started", "store_set_aside", "store_damaged", "gap"]);

const TRUST = {
  synchronised: "clock synchronised", floor: "clock not synchronised", unset: "clock not set",
};
const HEALTH = { up: "All well", degraded: "Needs attention", down: "Not working" };

const clock = new ApplianceClock();
const entities = new Entities(clock);
const alarms = new Alarms(entities);
const talk = new Talk(clock);
const journal = new Journal(clock, entities);
const examples = new Examples(new Completing());

// For each fetch of everything that is under way, the events that came meanwhile: what it brings may be older than they are.
const meanwhile = new Set();
let statusTimer = null;

function showStatus(status) {
  clock.set(status.clock, status.mono_ms);
  document.title = `${status.device} · Victus`;
  setText(byId("device"), status.device);
  setText(byId("site"), status.site);
  byId("simulated").hidden = !status.simulated;
  byId("health-dot").className = `dot ${status.state}`;
  setText(byId("health-word"), HEALTH[status.state]);
  byId("loops").replaceChildren(...status.loops.map(loop));
  setText(byId("about"), `Victus ${status.version}, language ${status.language}, last event ${status.last}`);
  talk.offerMicrophone(status.push_to_talk);
  tick();
}

function loop({ name, state, why, required }) {
  return element("li", {},
    element("span", { class: `dot ${state}` }),
    element("p", { title: name }, element("strong", {}, loopName(name)), " ", element("span", {}, why ?? loopState(state))),
    required ? element("em", { title: "Without it the appliance counts as down" }, "essential") : null);
}

function tick() {
  if (!clock.isKnown) return;
  setText(byId("clock"), clockTime(clock.wallMs));
  setText(byId("trust"), TRUST[clock.trust]);
  byId("trust").className = clock.trust === "synchronised" ? "" : "warn";
}

async function refreshStatus() {
  clearTimeout(statusTimer);
  statusTimer = setTimeout(refreshStatus, STATUS_EVERY_MS);
  try {
    showStatus(await api.status());
  } catch {
    // The live journal says when the connection is lost, and shows it.
  }
}

async function refreshAll() {
  const since = [];
  meanwhile.add(since);
  try {
    const [status, things, turns] =
      await Promise.all([api.status(), api.entities(), api.turns(TURNS), examples.refresh()]);
    showStatus(status);
    entities.show(things.entities);
    await alarms.refresh();
    talk.show(turns.turns);
  } finally {
    meanwhile.delete(since);
  }
  for (const event of since) {
    if (event.kind === "entity_changed" && !entities.isOlder(event)) entities.changed(event);
    if (event.kind.startsWith("turn_")) talk.heard(event);
  }
}

async function showJournal() {
  const latest = await api.events(EVENTS);
  journal.show(latest.events);
  return latest.last;
}

function banner(text) {
  byId("banner").hidden = !text;
  setText(byId("banner"), text ?? "");
  document.body.classList.toggle("lost", Boolean(text));
}

function onEvent(event) {
  for (const since of meanwhile) since.push(event);
  if (event.kind === "entity_changed") entities.changed(event);
  if (HEALTH_KINDS.has(event.kind)) refreshStatus();
  // Should it fail, the alarms of before are shown until the panel connects again.
  if (event.kind.startsWith("alarm_")) alarms.refresh().catch(() => {});
  // Should it fail, the things of before are shown until the panel connects again.
  if (event.kind === "configuration_loaded") refreshAll().catch(() => {});
  // Should it fail, the examples of before are shown until the panel connects again.
  if (event.kind === "sentences_loaded") examples.refresh().catch(() => {});
  talk.heard(event);
  journal.add(event);
}

async function onUp(behind) {
  banner(null);
  try {
    await refreshAll();
    if (behind) await showJournal();
  } catch {
    // Lost again already: the next connection tries again.
  }
}

function onDown() {
  banner("Connection to the appliance lost. What you see may be old; connecting again.");
  byId("health-dot").className = "dot";
  setText(byId("health-word"), "Not connected");
}

byId("stop").addEventListener("click", async () => {
  try {
    await api.tool("appliance.stop", {});
  } catch (error) {
    banner(`Stop did not work: ${error.message}`);
  }
});

const sheets = [byId("health"), byId("say")];
document.addEventListener("click", (event) => {
  for (const sheet of sheets) if (sheet.open && !sheet.contains(event.target)) sheet.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const sheet of sheets) sheet.open = false;
});

async function start() {
  try {
    await refreshAll();
    follow(await showJournal(), { event: onEvent, up: onUp, down: onDown });
    statusTimer = setTimeout(refreshStatus, STATUS_EVERY_MS);
  } catch (error) {
    banner(`${error.message} Trying again.`);
    setTimeout(start, RETRY_MS);
  }
}

setInterval(tick, 1000);
setInterval(() => entities.tick(), 5000);
start();
