// The conversation: requests from everywhere, what came of them, and the box to type one.

import * as api from "./api.js";
import { byId, element, setText } from "./elements.js";
import { outcomeMark, outcomeWord, sourceWord, toolWord } from "./sentences.js";
import { momentTime, took } from "./time.js";

const MOST_TURNS = 40;
const NOTE_MS = 15000;
const LISTENING = new Set(["wake", "speech_start"]);

/** Shows turns as they come and asks for new ones. */
export class Talk {
  #clock;
  #conversation;
  #shown = new Map();
  #pending = [];
  #noteTimer = null;

  constructor(clock) {
    this.#clock = clock;
    this.#conversation = `panel-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
    byId("microphone").addEventListener("click", () => this.#listen());
  }

  /** Offers push to talk, or not. */
  offerMicrophone(offered) {
    byId("microphone").hidden = !offered;
  }

  /** Shows these turns, newest first, and no others but those still under way here. */
  show(turns) {
    const list = byId("turns");
    this.#shown.clear();
    list.replaceChildren();
    for (const turn of [...turns].reverse()) this.#put(turn);
    for (const pending of this.#pending) {
      if (pending.id && this.#shown.has(pending.id)) continue;
      if (pending.id) this.#shown.set(pending.id, pending);
      list.append(pending.root);
    }
    this.#toEnd();
  }

  /** Takes on an event of the journal. */
  async heard(event) {
    const data = event.data;
    if (event.kind === "turn_started") {
      this.#begin(data, event);
    } else if (event.kind === "turn_finished") {
      const turn = await api.turn(data.turn).catch(() => null);
      if (turn) this.#put(turn);
    } else if (event.kind === "voice") {
      this.#voice(data);
    }
  }

  async #ask() {
    const box = byId("ask-text");
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    setText(byId("ask-note"), "");
    const bubble = new Bubble(text, "typed in the panel");
    this.#pending.push(bubble);
    byId("turns").append(bubble.root);
    this.#toEnd();
    try {
      const turn = await api.ask(text, this.#conversation);
      this.#settle(bubble);
      // A list that was fetched meanwhile may have the turn already.
      const shown = this.#shown.get(turn.turn);
      if (!shown) this.#adopt(turn.turn, bubble);
      else if (shown !== bubble) bubble.root.remove();
      this.#put(turn);
    } catch (error) {
      this.#settle(bubble);
      bubble.fail(error.message);
    }
    this.#toEnd();
  }

  async #listen() {
    setText(byId("ask-note"), "");
    try {
      await api.listen();
      this.#listening(true, "Listening: speak now");
    } catch (error) {
      setText(byId("ask-note"), error.message);
    }
  }

  #voice({ stage, text }) {
    if (LISTENING.has(stage)) this.#listening(true, "Listening: speak now");
    else if (stage === "endpoint") this.#listening(false, "Thinking");
    else if (stage === "transcript") this.#listening(false, text ? `Heard: ${text}` : "Nothing was understood");
    else if (stage === "reply") this.#listening(false, "");
  }

  #listening(on, note) {
    byId("microphone").setAttribute("aria-pressed", String(on));
    setText(byId("ask-note"), note);
    clearTimeout(this.#noteTimer);
    if (note) this.#noteTimer = setTimeout(() => this.#listening(false, ""), NOTE_MS);
  }

  #begin(data, event) {
    if (this.#shown.has(data.turn)) return;
    const mine = this.#pending.find((bubble) => !bubble.id && bubble.text === data.text);
    if (mine && data.caller.source === "panel") {
      this.#adopt(data.turn, mine);
      return;
    }
    const bubble = new Bubble(data.text, sourceWord(data.caller));
    bubble.at(momentTime(event.at.wall_ms, this.#clock.wallMs));
    byId("turns").append(bubble.root);
    this.#adopt(data.turn, bubble);
    this.#toEnd();
  }

  #adopt(id, bubble) {
    bubble.id = id;
    this.#shown.set(id, bubble);
    while (this.#shown.size > MOST_TURNS) {
      const [oldest, old] = this.#shown.entries().next().value;
      old.root.remove();
      this.#shown.delete(oldest);
    }
  }

  #settle(bubble) {
    this.#pending = this.#pending.filter((other) => other !== bubble);
  }

  #put(turn) {
    let bubble = this.#shown.get(turn.turn);
    if (!bubble) {
      bubble = new Bubble(turn.text, sourceWord(turn.caller));
      byId("turns").append(bubble.root);
      this.#adopt(turn.turn, bubble);
    }
    bubble.at(momentTime(turn.at.wall_ms, this.#clock.wallMs));
    bubble.finish(turn);
    this.#toEnd();
  }

  #toEnd() {
    const list = byId("turns");
    list.scrollTop = list.scrollHeight;
  }
}

/** A request and its reply. */
class Bubble {
  id = null;

  constructor(text, source) {
    this.text = text;
    this.meta = element("span", { class: "meta" }, source);
    this.source = source;
    this.reply = element("p", { class: "reply waiting" }, "Working on it");
    this.result = element("div", { class: "result" });
    this.root = element("article", { class: "turn" },
      element("p", { class: "request" }, text), this.meta, this.reply, this.result);
  }

  at(time) {
    setText(this.meta, `${this.source}, ${time}`);
  }

  fail(message) {
    this.reply.className = "reply bad";
    setText(this.reply, message);
    this.result.replaceChildren();
  }

  finish(turn) {
    if (turn.outcome === "running") return;
    this.reply.className = `reply ${outcomeMark(turn.outcome)}`;
    setText(this.reply, turn.reply);
    const { total, recognise } = turn.times_ms;
    // From the last word of a spoken request on: what whoever spoke has waited.
    const waited = total === undefined ? "" : took(total + (recognise ?? 0));
    const words = [outcomeWord(turn.outcome), waited, turn.recorded ? "" : "not recorded"].filter(Boolean).join(" · ");
    this.result.replaceChildren(
      element("details", {}, element("summary", { class: outcomeMark(turn.outcome) }, words), facts(turn)));
  }
}

function facts(turn) {
  const rows = [["Meaning", turn.intent ?? "none"]];
  for (const [name, value] of Object.entries(turn.slots)) rows.push([name, plain(value)]);
  for (const step of turn.steps) {
    const reason = step.status.reason ? `: ${step.status.reason}` : "";
    rows.push([toolWord(step.tool), `${step.status.state}${reason}, ${took(step.took_us / 1000)}`]);
  }
  const parts = ["recognise", "parse", "plan", "run"].filter((part) => part in turn.times_ms);
  if (parts.length) rows.push(["Times", parts.map((part) => `${part} ${took(turn.times_ms[part])}`).join(", ")]);
  rows.push(["Record", turn.turn]);
  return element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]));
}

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));
