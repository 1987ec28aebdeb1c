// Time as the appliance counts it, and as people read it.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** The appliance's clocks, carried on between two readings by the browser's own. */
export class ApplianceClock {
  #wall = 0;
  #mono = 0;
  #read = 0;
  trust = "unset";

  set(wall, monoMs) {
    this.#wall = wall.unix_ms;
    this.#mono = monoMs;
    this.#read = performance.now();
    this.trust = wall.trust;
  }

  get isKnown() {
    return this.#read > 0;
  }

  get wallMs() {
    return this.#wall + performance.now() - this.#read;
  }

  get monoMs() {
    return this.#mono + performance.now() - this.#read;
  }
}

/** Hours, minutes and seconds. */
export const clockTime = (ms) => CLOCK.format(new Date(ms));

/** The time, with the day where it is not today. */
export function momentTime(ms, nowMs) {
  const [then, now] = [new Date(ms), new Date(nowMs)];
  return then.toDateString() === now.toDateString() ? CLOCK.format(then) : DAY_AND_CLOCK.format(then);
}

/** A span as people say it: 8 s, 3 min, 2 h 5 min, 4 days. */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "1 day" : `${days} days`;
}

/** A duration of work in milliseconds: 0.4 ms, 12 ms, 1.2 s. */
export function took(ms) {
  if (ms === undefined || ms === null) return "";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
