// The alarms that are not over, each with a button that says that somebody knows of it.

import * as api from "./api.js";
import { byId, element } from "./elements.js";
import { limitWord } from "./sentences.js";

/** Shows the alarms. `entities` gives their names. */
export class Alarms {
  #entities;

  constructor(entities) {
    this.#entities = entities;
  }

  /** Fetches the alarms as they are and shows them. */
  async refresh() {
    const { alarms } = await api.alarms();
    byId("alarms").hidden = alarms.length === 0;
    byId("alarm-list").replaceChildren(...alarms.map((alarm) => this.#row(alarm)));
  }

  #row(alarm) {
    const entity = this.#entities.get(alarm.alarm);
    const what = alarm.class === "timer"
      ? `Timer ${alarm.name ? `“${alarm.name}” ` : ""}ran out`
      : `${entity?.name ?? alarm.alarm} is ${limitWord(alarm.limit, entity)}`;
    const known = Boolean(alarm.acknowledged);
    return element("li", { class: `alarm ${alarm.class}${known ? " known" : ""}`, "data-alarm": alarm.alarm },
      element("strong", {}, what),
      entity?.area ? element("span", {}, entity.area) : null,
      known ? element("em", {}, "acknowledged") : this.#button(alarm.alarm));
  }

  #button(alarm) {
    const button = element("button", { type: "button" }, "Acknowledge");
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await api.tool("alarm.acknowledge", { alarm });
      } catch {
        // The list says what is so: the alarm may be over already.
      }
      this.refresh().catch(() => { button.disabled = false; });
    });
    return button;
  }
}
