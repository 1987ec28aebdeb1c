// The entities as cards by area. A card shows what the appliance says, never what was merely asked for.

import * as api from "./api.js";
import { byId, element, icon, setText } from "./elements.js";
import { valueWord } from "./sentences.js";
import { span } from "./time.js";

const ELSEWHERE = "Elsewhere";
const JUST_NOW_MS = 10000;
const TURNING = new Set(["fan"]);

/** Shows the entities and switches them. `clock` tells how long ago a value came. */
export class Entities {
  #clock;
  #cards = new Map();
  #layout = "";

  constructor(clock) {
    this.#clock = clock;
  }

  /** The entity of that id, where it is known. */
  get(id) {
    return this.#cards.get(id)?.entity;
  }

  /** The text with names in the place of ids: what the appliance says of a rule names entities by id. */
  named(text) {
    let said = text;
    for (const [id, card] of this.#cards) said = said.replaceAll(id, card.entity.name);
    return said;
  }

  /** Shows these entities and no others. */
  show(entities) {
    const layout = JSON.stringify(entities.map(({ value, available, since_mono_ms, ...fixed }) => fixed));
    if (layout === this.#layout) {
      // The cards stay: whoever is pressing one must not lose it.
      for (const entity of entities) this.#cards.get(entity.id).take(entity);
      this.tick();
      return;
    }
    this.#layout = layout;
    const focused = document.activeElement?.id;
    this.#cards.clear();
    const areas = new Map();
    for (const entity of entities) {
      const area = entity.area ?? ELSEWHERE;
      if (!areas.has(area)) areas.set(area, []);
      areas.get(area).push(entity);
    }
    const names = [...areas.keys()].sort((a, b) => (a === ELSEWHERE) - (b === ELSEWHERE) || a.localeCompare(b));
    const sections = names.map((name) => this.#area(name, areas.get(name)));
    const empty = element("p", { class: "quiet" }, "Nothing is connected yet. Describe each light, fan, valve or sensor as an [[entity]] in the configuration.");
    byId("areas").replaceChildren(...(sections.length ? sections : [empty]));
    if (focused) byId(focused)?.focus();
    this.tick();
  }

  /** Whether what is shown came after the change of this event. */
  isOlder(event) {
    const card = this.#cards.get(event.data.entity);
    return Boolean(card) && event.at.mono_ms < card.entity.since_mono_ms;
  }

  /** Takes on a change from the journal. */
  changed(event) {
    const card = this.#cards.get(event.data.entity);
    if (!card) return;
    card.entity.value = event.data.to ?? null;
    card.entity.available = card.entity.value !== null;
    card.entity.since_mono_ms = event.at.mono_ms;
    card.draw();
    card.age(this.#clock);
  }

  /** Lets the ages grow. */
  tick() {
    for (const card of this.#cards.values()) card.age(this.#clock);
  }

  #area(name, entities) {
    const floor = entities.find((entity) => entity.floor)?.floor;
    const grid = element("ul", { class: "cards" });
    for (const entity of entities.sort((a, b) => b.writable - a.writable || a.name.localeCompare(b.name))) {
      const card = new Card(entity, (text) => this.named(text));
      this.#cards.set(entity.id, card);
      grid.append(card.root);
    }
    const title = element("h3", {}, name, floor ? element("span", {}, floor) : null);
    return element("section", { class: "area", "aria-label": name }, title, grid);
  }
}

class Card {
  constructor(entity, named) {
    this.entity = entity;
    this.named = named;
    this.busy = false;
    this.state = element("span", { class: "state" });
    this.since = element("span", { class: "since" });
    this.note = element("p", { class: "refusal", role: "alert" });
    this.control = entity.writable ? this.#makeControl() : null;
    const shape = icon(entity.kind);
    if (TURNING.has(entity.kind)) shape.classList.add("turning");
    const names = entity.aliases.length ? `also: ${entity.aliases.join(", ")}` : null;
    this.root = element("li", { class: "card", "data-kind": entity.kind },
      element("span", { class: "shape" }, shape),
      element("div", { class: "what" },
        element("h4", { title: names }, entity.name),
        element("p", {}, this.state, this.since)),
      this.control, this.note);
    this.draw();
  }

  #makeControl() {
    return this.entity.numeric ? this.#makeSlider() : this.#makeToggle();
  }

  #makeToggle() {
    const knob = element("button", {
      type: "button", role: "switch", class: "toggle", id: `set-${this.entity.id}`, "aria-label": this.entity.name,
    }, element("span", { class: "knob" }));
    knob.addEventListener("click", () => {
      const tool = this.entity.value === true ? "entity.turn_off" : "entity.turn_on";
      this.#call(tool, { entity: this.entity.id });
    });
    return knob;
  }

  #makeSlider() {
    const slider = element("input", {
      type: "range", min: 0, max: 100, step: 1, class: "slider", id: `set-${this.entity.id}`, "aria-label": this.entity.name,
    });
    slider.addEventListener("input", () => slider.style.setProperty("--fill", `${slider.value}%`));
    slider.addEventListener("change", () => {
      this.#call("entity.set_value", { entity: this.entity.id, value: Number(slider.value) });
    });
    return slider;
  }

  async #call(tool, args, token) {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.asking);
    this.note.textContent = "";
    this.draw();
    try {
      await api.tool(tool, args, token);
    } catch (error) {
      if (error.code === "confirmation_required") this.#ask(tool, args, error.facts);
      else this.note.textContent = this.named(error.message);
    }
    this.busy = false;
    this.draw();
  }

  /** Reads back what is about to be done, and does it only if that is confirmed in time. */
  #ask(tool, args, facts) {
    const confirm = element("button", { type: "button", class: "confirm" }, "Confirm");
    confirm.addEventListener("click", () => this.#call(tool, args, facts.token));
    const wanted = args.value ?? (tool === "entity.turn_on");
    this.note.replaceChildren(`Set ${this.entity.name} to ${valueWord(wanted, this.entity)}? `, confirm);
    this.asking = setTimeout(() => { this.note.textContent = ""; }, facts.within_seconds * 1000);
  }

  /** Takes on the same entity as it is now. */
  take(entity) {
    this.entity = entity;
    this.draw();
  }

  /** Shows the value as it is. */
  draw() {
    const { value, available, numeric } = this.entity;
    const on = value === true || (numeric && this.entity.writable && value > 0);
    const word = available ? valueWord(value, this.entity) : "not available";
    setText(this.state, word.charAt(0).toUpperCase() + word.slice(1));
    this.root.classList.toggle("on", on);
    this.root.classList.toggle("away", !available);
    this.root.classList.toggle("busy", this.busy);
    if (!this.control) return;
    this.control.setAttribute("aria-busy", String(this.busy));
    if (numeric) {
      this.control.disabled = !available;
      if (!this.busy) this.control.value = value ?? 0;
      this.control.style.setProperty("--fill", `${this.control.value}%`);
    } else {
      this.control.setAttribute("aria-checked", String(on));
    }
  }

  /** Shows for how long. */
  age(clock) {
    if (!clock.isKnown) return;
    const past = clock.monoMs - this.entity.since_mono_ms;
    const since = past < JUST_NOW_MS ? "just now" : `for ${span(past)}`;
    setText(this.since, this.entity.available ? since : "");
  }
}
