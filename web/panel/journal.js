// The journal, newest first. Stands still while somebody reads further down.

import { byId, element, setText } from "./elements.js";
import { GROUPS, mark, sentence } from "./sentences.js";
import { momentTime } from "./time.js";

const MOST_ROWS = 300;
const AT_TOP_PX = 8;

/** Shows events as they come, with the names of `entities`. */
export class Journal {
  #clock;
  #entities;
  #waiting = [];
  #hiddenKinds = new Set();

  constructor(clock, entities) {
    this.#clock = clock;
    this.#entities = entities;
    byId("filters").replaceChildren(...GROUPS.map(([name, kinds]) => this.#chip(name, kinds)));
    byId("journal-scroll").addEventListener("scroll", () => this.#isRead() || this.#takeOn(), { passive: true });
    byId("fresh").addEventListener("click", () => {
      byId("journal-scroll").scrollTop = 0;
      this.#takeOn();
    });
  }

  /** Shows these events, oldest first, and no others. */
  show(events) {
    byId("events").replaceChildren();
    this.#waiting = events.slice(-MOST_ROWS);
    this.#takeOn();
  }

  /** Takes on an event. */
  add(event) {
    this.#waiting.push(event);
    if (this.#waiting.length > MOST_ROWS) this.#waiting.shift();
    if (this.#isRead()) this.#offer();
    else this.#takeOn();
  }

  #isRead() {
    return byId("journal-scroll").scrollTop > AT_TOP_PX;
  }

  #offer() {
    const count = this.#waiting.filter((event) => !this.#hiddenKinds.has(event.kind)).length;
    byId("fresh").hidden = count === 0;
    setText(byId("fresh"), count === 1 ? "1 new event" : `${count} new events`);
  }

  #takeOn() {
    const list = byId("events");
    const rows = this.#waiting.map((event) => this.#row(event)).reverse();
    this.#waiting = [];
    list.prepend(...rows);
    while (list.childElementCount > MOST_ROWS) list.lastElementChild.remove();
    byId("fresh").hidden = true;
    this.#sayIfEmpty();
  }

  #row(event) {
    const time = element("time", {
      datetime: new Date(event.at.wall_ms).toISOString(),
      title: event.at.trust === "synchronised" ? null : "The clock was not synchronised",
    }, momentTime(event.at.wall_ms, this.#clock.wallMs));
    const raw = element("pre", {});
    const row = element("details", {},
      element("summary", {}, time, element("span", { class: `tick ${mark(event)}` }),
        element("span", { class: "said" }, this.#entities.named(sentence(event, (id) => this.#entities.get(id))))),
      raw);
    row.addEventListener("toggle", () => {
      if (row.open && !raw.textContent) raw.textContent = JSON.stringify(event, null, 2);
    });
    return element("li", { "data-kind": event.kind, hidden: this.#hiddenKinds.has(event.kind) }, row);
  }

  #chip(name, kinds) {
    const chip = element("button", { type: "button", class: "chip", "aria-pressed": "true" }, name);
    chip.addEventListener("click", () => {
      const shown = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(shown));
      for (const kind of kinds) {
        if (shown) this.#hiddenKinds.delete(kind);
        else this.#hiddenKinds.add(kind);
      }
      for (const row of byId("events").children) row.hidden = this.#hiddenKinds.has(row.dataset.kind);
      this.#sayIfEmpty();
    });
    return chip;
  }

  #sayIfEmpty() {
    const rows = [...byId("events").children];
    byId("journal-empty").hidden = rows.some((row) => !row.hidden);
    setText(byId("journal-empty"), rows.length ? "Nothing of these kinds has happened." : "Nothing has happened yet.");
  }
}
