// What can be said: examples to choose from, and ways to go on with what is being typed.

import * as api from "./api.js";
import { byId, element, setText } from "./elements.js";

const PAUSE_MS = 120;
const OPTIONS = 6;

/** The box for a request as a combobox: what is typed is completed from the sentences that the appliance understands. */
export class Completing {
  #box = byId("ask-text");
  #list = byId("ask-options");
  #timer = null;
  #asked = 0;
  #active = -1;

  constructor() {
    this.#box.addEventListener("input", () => this.#soon());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("blur", () => this.close());
    // The box keeps the focus: on a phone the keyboard would go away.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = event.target.closest("li");
      if (option) this.#take(option);
    });
    byId("ask").addEventListener("submit", () => this.close());
  }

  /** Puts a text into the box, as if it had been typed. */
  put(text) {
    this.#box.value = text;
    this.#box.focus();
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#show([]);
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    // What was chosen was a way to go on with another text.
    this.#choose(-1);
    if (!this.#box.value.trim()) return this.#show([]);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  async #ask() {
    const asked = this.#asked;
    const answer = await api.completions(this.#box.value, OPTIONS).catch(() => null);
    // Whoever has typed on does not want the answer to what was there before.
    if (asked === this.#asked) this.#show(answer?.completions ?? []);
  }

  #show(completions) {
    this.#list.replaceChildren(...completions.map(({ text, whole }, index) => element("li",
      { id: `ask-option-${index}`, role: "option", "aria-selected": "false", "data-whole": String(whole) },
      text, whole ? null : element("span", { class: "open", "aria-hidden": "true" }, " …"))));
    this.#list.hidden = completions.length === 0;
    this.#box.setAttribute("aria-expanded", String(completions.length > 0));
    this.#choose(-1);
  }

  /** Marks an option as the one that Enter takes; none with -1. */
  #choose(index) {
    this.#active = index;
    const options = [...this.#list.children];
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === index)));
    const active = options[index];
    if (active) this.#box.setAttribute("aria-activedescendant", active.id);
    else this.#box.removeAttribute("aria-activedescendant");
    active?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const options = [...this.#list.children];
    if (event.isComposing) return;
    if (event.key === "Escape") {
      if (options.length) event.stopPropagation();
      this.close();
    }
    if (!options.length) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      event.preventDefault();
      // Between the last and the first option is the box itself.
      const places = options.length + 1;
      this.#choose(((this.#active + 1 + move + places) % places) - 1);
    } else if ((event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) && options[this.#active]) {
      event.preventDefault();
      this.#take(options[this.#active]);
    }
  }

  /** A whole sentence waits to be sent; one that has to go on is completed further. */
  #take(option) {
    const whole = option.dataset.whole === "true";
    this.put(option.firstChild.textContent + (whole ? "" : " "));
    if (whole) this.close();
    else this.#soon();
  }
}

/** The list of examples, in the language and with the names of the appliance. */
export class Examples {
  #completing;

  constructor(completing) {
    this.#completing = completing;
    byId("say-list").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      byId("say").open = false;
      this.#completing.put(button.textContent);
    });
  }

  /** Fetches and shows them; one that switches something is the hint in the empty box. */
  async refresh() {
    const { intents } = await api.sentences();
    byId("say").hidden = intents.length === 0;
    byId("say-list").replaceChildren(...intents.map(({ intent, sentences }) => element("li", { "data-intent": intent },
      ...sentences.map((sentence) => element("button", { type: "button" }, sentence)))));
    const hint = intents.find(({ intent }) => intent === "HassTurnOn") ?? intents[0];
    if (hint) byId("ask-text").placeholder = hint.sentences.at(-1);
    setText(byId("say-count"), String(intents.reduce((count, { sentences }) => count + sentences.length, 0)));
  }
}
