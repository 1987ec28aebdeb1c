// What an event says, as a sentence for people; and what group it belongs to.

import { span, took } from "./time.js";

/** The groups of the journal's filter, with the kinds of events in each. */
export const GROUPS = [
  ["Requests", ["turn_started", "turn_finished"]],
  ["Equipment", ["entity_changed"]],
  ["Actions", ["tool_called"]],
  ["Voice", ["voice"]],
  ["Alarms", ["alarm_raised", "alarm_acknowledged", "alarm_cleared"]],
  ["Timers", ["timer_started", "timer_finished", "timer_changed", "schedule_created", "schedule_changed", "schedule_ran",
    "schedule_missed"]],
  ["Workflows", ["workflow_started", "workflow_step", "workflow_finished", "workflow_faulty"]],
  ["Connections", ["link_changed", "command_handled", "message_rejected"]],
  ["Health", ["appliance_started", "appliance_stopping", "sentences_loaded", "configuration_loaded", "configuration_refused", "loop_changed", "loop_crashed", "breaker_opened", "breaker_closed", "store_set_aside",
    "store_damaged", "gap"]],
];

const OUTCOMES = {
  running: "is being worked on", done: "done", asked: "asked back", refused: "refused",
  not_understood: "not understood", failed: "failed", interrupted: "interrupted",
};

const SOURCES = { voice: "spoken", panel: "typed in the panel", cli: "command line", fleet: "fleet", timer: "timer",
  schedule: "schedule", workflow: "workflow", alarm: "alarm", button: "button" };

const CAUSES = {
  set: "", max_on: "because its longest time on was over", requirement_lost: "because something it needs was lost",
  stop: "because of a stop", safe: "to be safe", input: "", start: "at start", fault: "because of a fault",
};

const STAGES = {
  wake: "Heard the wake word", speech_start: "Somebody began to speak", endpoint: "The speaker stopped",
  partial: "Hearing", transcript: "Heard", intent: "Understood", action: "Acted", reply: "Answered",
};

const LOOPS = {
  alarms: "Alarms", signals: "Alarm lamps and buttons",
  announce: "Spoken announcements", changes: "Change watch", health: "Health watch", link: "Connection to",
  points: "Inputs and outputs", schedules: "Schedules", serial: "Serial port", timers: "Timers", voice: "Voice", web: "Panel",
  workflows: "Workflows",
};

const OPENINGS = new Set(["valve", "cover"]);
const OPENING_ACTIONS = { "entity.turn_on": "open", "entity.turn_off": "close" };

const PAIRS = {
  valve: ["closed", "open"], cover: ["closed", "open"], lock: ["unlocked", "locked"], button: ["released", "pressed"],
};

/** The words for an outcome. */
export const outcomeWord = (outcome) => OUTCOMES[outcome] ?? outcome;

/** The words for a caller. */
export const sourceWord = (caller) => (caller.name ? `${SOURCES[caller.source]}: ${caller.name}` : SOURCES[caller.source]);

/** The words for a value of an entity; `entity` may be missing. */
export function valueWord(value, entity) {
  if (value === null || value === undefined) return "unknown";
  if (typeof value === "boolean") return (PAIRS[entity?.kind] ?? ["off", "on"])[value ? 1 : 0];
  const rounded = Number.parseFloat(value.toPrecision(6)).toString();
  // What can be set to a number is set from 0 to 100.
  const unit = entity?.unit ?? (entity?.writable ? "%" : null);
  return unit ? `${rounded} ${unit}` : rounded;
}

/** The words for a limit: "above 8 bar", "on". */
export function limitWord(limit, entity) {
  const [[kind, value]] = Object.entries(limit);
  return kind === "is" ? valueWord(value, entity) : `${kind} ${valueWord(value, entity)}`;
}

function alarmSentence(data, name, entity) {
  if (!data.limit) return `${timerName(data)} rings`;
  const value = typeof data.value === "number" ? `, at ${valueWord(data.value, entity(data.alarm))}` : "";
  return `${data.class === "danger" ? "Alarm" : "Warning"}: ${name(data.alarm)} is ${limitWord(data.limit, entity(data.alarm))}${value}`;
}

const alarmName = (data, name, entity) => (entity(data.alarm) ? `The alarm of ${name(data.alarm)}` : "A timer's alarm");

const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const quoted = (text) => `“${text}”`;
const because = (why) => (why ? `: ${why}` : "");
const stepWord = (state) => ({ uncertain: "was cut off, and what became of it is not known" })[state] ?? state;
const runWord = (state) => ({ done: "is done", failed: "failed", cancelled: "was cancelled" })[state] ?? state;
const timerName = (data) => (data.name ? `Timer ${quoted(data.name)}` : "A timer");

const scheduleName = (data) => (data.name ? `The schedule ${quoted(data.name)}` : "A schedule");

const RUNS = {
  done: "was done", refused: "was refused", failed: "failed",
  uncertain: "was cut off, and whether it was done is not certain",
};

/** The words for a tool: `entity.turn_on` is "turn on". */
export const toolWord = (tool) => tool.slice(tool.indexOf(".") + 1).replaceAll("_", " ");

/** The words for a loop: what it does for people. */
export function loopName(name) {
  const [kind, ...rest] = name.split(".");
  const words = LOOPS[kind] ?? kind;
  return rest.length ? `${words} ${rest.join(".")}` : words;
}

/** The words for the state of a loop. */
export const loopState = (state) => ({ up: "running", degraded: "not fully working", down: "not running" })[state] ?? state;

function toolSentence(data, name, entity) {
  const opening = OPENINGS.has(entity(data.args?.entity)?.kind);
  const target = data.args && typeof data.args.entity === "string" ? `${name(data.args.entity)}: ` : "";
  const action = (opening && OPENING_ACTIONS[data.tool]) || toolWord(data.tool);
  const call = target + (target ? action : action.charAt(0).toUpperCase() + action.slice(1));
  switch (data.status.state) {
    case "done": return `${call}, done in ${took(data.took_us / 1000)}`;
    case "refused": return `${call}, refused. ${data.status.reason}`;
    default: return `${call}, failed. ${data.status.reason}`;
  }
}

function circuit(data, name) {
  const action = toolWord(data.tool);
  return data.entity ? `${name(data.entity)}: ${action}` : action.charAt(0).toUpperCase() + action.slice(1);
}

function entitySentence(data, name, entity) {
  const cause = CAUSES[data.cause] ?? `(${data.cause})`;
  if (data.to === null || data.to === undefined) return `${name(data.entity)} is not available ${cause}`.trim();
  return `${name(data.entity)} is ${valueWord(data.to, entity(data.entity))} ${cause}`.trim();
}

const SENTENCES = {
  appliance_started: (data) => `Victus ${data.version} is up, ready after ${took(data.ready_ms)}`,
  appliance_stopping: (data) => `Victus is going down: ${data.reason}`,
  sentences_loaded: (data) => `The sentences were read again: ${counted(data.templates, "template")}, ${counted(data.faults, "fault")}`,
  configuration_loaded: (data) => `The configuration was read again: ${counted(data.added, "new thing")}, ${data.changed} changed, ${data.removed} gone` +
    (data.later.length ? `; from the next start: ${data.later.join(", ")}` : ""),
  configuration_refused: (data) => `The configuration was read again and not taken, ${counted(data.problems, "problem")}: ${data.reason}`,
  loop_changed: (data) => `${loopName(data.name)}: ${data.why ?? loopState(data.state)}`,
  loop_crashed: (data) => `${loopName(data.name)}: crashed and is started again, ${counted(data.restarts, "time")} so far: ${data.reason}`,
  voice: (data) => (STAGES[data.stage] ?? data.stage) + (data.text ? `: ${quoted(data.text)}` : ""),
  turn_started: (data) => `Request, ${sourceWord(data.caller)}: ${quoted(data.text)}`,
  turn_finished: (data) => `Request ${outcomeWord(data.outcome)}: ${quoted(data.reply)}`,
  tool_called: toolSentence,
  breaker_opened: (data, name) => `${circuit(data, name)}: failed again and again, left alone for ${span(data.seconds * 1000)}: ${data.reason}`,
  breaker_closed: (data, name) => `${circuit(data, name)}: works again`,
  entity_changed: entitySentence,
  timer_started: (data) => `${timerName(data)} runs for ${span(data.seconds * 1000)}`,
  timer_finished: (data) => `${timerName(data)} ran out${data.late_ms > 2000 ? `, noticed ${span(data.late_ms)} late` : ""}`,
  timer_changed: (data) => `A timer was ${data.state}`,
  schedule_created: (data) => `${scheduleName(data)} was made`,
  schedule_changed: (data) => `${scheduleName(data)} was ${data.state}`,
  schedule_ran: (data) => `${scheduleName(data)} ${RUNS[data.outcome] ?? data.outcome}${data.late_ms > 2000 ? `, ${span(data.late_ms)} late` : ""}`,
  schedule_missed: (data) => `${scheduleName(data)} was missed, ${counted(data.count, "time")}`,
  workflow_started: (data) => `Workflow ${data.workflow} began${data.trigger?.intent ? `, asked for by ${data.trigger.intent}` : ""}`,
  workflow_step: (data) => `Workflow ${data.workflow}: ${data.step} ${stepWord(data.state)}${because(data.reason)}`,
  workflow_finished: (data) => `Workflow ${data.workflow} ${runWord(data.state)}${because(data.reason)}`,
  workflow_faulty: (data) => `Workflow ${data.workflow} can't be used or did not begin: ${data.reason}`,
  alarm_raised: alarmSentence,
  alarm_acknowledged: (data, name, entity) => `${alarmName(data, name, entity)} was acknowledged, ${sourceWord(data.by)}`,
  alarm_cleared: (data, name, entity) => `${alarmName(data, name, entity)} is over`,
  link_changed: (data) => `Connection ${data.link} is ${data.up ? "connected" : "not connected"}${because(data.why)}`,
  command_handled: (data) => `Command ${data.id} from ${data.link}: ${data.state}`,
  message_rejected: (data) => `A message from ${data.source} was rejected: ${data.reason}`,
  store_set_aside: (data) => `The database did not open and was set aside: ${data.reason}`,
  store_damaged: (data) => `${counted(data.records, "record")} of the database left out because of damage, the first at ${data.first}`,
  gap: (data) => `${counted(data.count, "event")} missing: ${data.reason}`,
};

/** The sentence of an event, or its kind where it has none. `entity(id)` gives the entity, where it is known. */
export function sentence(event, entity) {
  const name = (id) => entity(id)?.name ?? id;
  try {
    return SENTENCES[event.kind](event.data, name, entity);
  } catch {
    return event.kind;
  }
}

/** How an event is marked: "bad", "warn", "good" or "". */
export function mark(event) {
  const data = event.data ?? {};
  switch (event.kind) {
    case "loop_crashed": case "store_set_aside": case "store_damaged": case "gap": return "bad";
    case "alarm_raised": return { danger: "bad", warning: "warn" }[data.class] ?? "";
    case "alarm_cleared": return "good";
    case "sentences_loaded": return data.faults ? "warn" : "good";
    case "configuration_loaded": return data.later.length ? "warn" : "good";
    case "configuration_refused": case "breaker_opened": return "bad";
    case "breaker_closed": return "good";
    case "loop_changed": return { up: "good", degraded: "warn" }[data.state] ?? "bad";
    case "workflow_faulty": return "warn";
    case "workflow_step": return { failed: "bad", uncertain: "bad" }[data.state] ?? "";
    case "workflow_finished": return { done: "good", cancelled: "warn" }[data.state] ?? "bad";
    case "link_changed": return data.up ? "good" : "warn";
    case "message_rejected": return "warn";
    case "schedule_missed": return "warn";
    case "schedule_ran": return { done: "good", refused: "warn" }[data.outcome] ?? "bad";
    case "turn_finished": return outcomeMark(data.outcome);
    case "tool_called": return { done: "", refused: "warn" }[data.status?.state] ?? "bad";
    case "entity_changed": return data.cause === "set" || data.cause === "input" || data.cause === "start" ? "" : "warn";
    default: return "";
  }
}

/** How an outcome is marked. */
export function outcomeMark(outcome) {
  return { done: "good", asked: "", running: "", refused: "warn", not_understood: "warn" }[outcome] ?? "bad";
}
