// The live journal: keeps one WebSocket open, and misses nothing over a broken connection.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 10000;

/** The order of two positions `epoch:seq`. */
export function comparePositions(left, right) {
  const [a, b] = [left, right].map((text) => text.split(":").map(Number));
  return a[0] - b[0] || a[1] - b[1];
}

/**
 * Follows the journal after `position`.
 * `on.event(event)` for each event, in order; `on.up(behind)` when connected, where `behind` says that the journal ends
 * before what was seen already (it is another journal); `on.down(retryAtMs)` when the connection is lost.
 */
export function follow(position, on) {
  let last = position;
  let wait = FIRST_WAIT_MS;
  let timer = null;
  let socket = null;

  function open() {
    clearTimeout(timer);
    timer = null;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}/ws/events?after=${last}`);
    socket = mine;
    mine.onmessage = (message) => {
      const said = JSON.parse(message.data);
      if (said.type === "hello") {
        wait = FIRST_WAIT_MS;
        const behind = comparePositions(said.last, last) < 0;
        if (behind) last = said.last;
        on.up(behind);
      } else if (said.type === "event") {
        last = `${said.event.epoch}:${said.event.seq}`;
        on.event(said.event);
      }
    };
    mine.onclose = () => {
      if (socket !== mine) return;
      const pause = wait * (0.75 + Math.random() / 2);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      timer = setTimeout(open, pause);
      on.down(Date.now() + pause);
    };
  }

  const now = () => {
    if (timer !== null) open();
  };
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => document.hidden || now());
  open();
}
